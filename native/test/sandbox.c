/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sandbox: runs a program. The system calls that are named do nothing in the program, and return an error or success
 * as told. With an argument behind its name, such as membarrier:8, only calls with that first argument do so.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_RULES 16

static const struct {
	const char *name;
	int number;
} calls[] = {
	{"sched_setaffinity", SYS_sched_setaffinity},
	{"sched_getaffinity", SYS_sched_getaffinity},
	{"sched_setscheduler", SYS_sched_setscheduler},
	{"sched_getscheduler", SYS_sched_getscheduler},
	{"sched_setattr", SYS_sched_setattr},
	{"sched_setparam", SYS_sched_setparam},
	{"sched_getparam", SYS_sched_getparam},
	{"setpriority", SYS_setpriority},
	{"getpriority", SYS_getpriority},
	{"membarrier", SYS_membarrier},
	{"memfd_create", SYS_memfd_create},
	{"prlimit64", SYS_prlimit64},
};

static int usage(void)
{
	fprintf(stderr, "usage: sandbox CALL[:ARGUMENT]=ERRNO... -- PROGRAM [ARGUMENT...]\nERRNO is a number, 0 for success. Calls:");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		fprintf(stderr, " %s", calls[i].name);
	fprintf(stderr, "\n");
	return 2;
}

static int number_of(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strlen(calls[i].name) == length && strncmp(calls[i].name, name, length) == 0)
			return calls[i].number;
	return -1;
}

int main(int argc, char **argv)
{
	struct sock_filter code[2 + 5 * MAX_RULES];
	unsigned short length = 0;
	int i;

	code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *equals = strchr(argv[i], '=');
		const char *argument = memchr(argv[i], ':', equals == NULL ? 0 : (size_t)(equals - argv[i]));
		const char *end = argument == NULL ? equals : argument;
		int number = end == NULL ? -1 : number_of(argv[i], (size_t)(end - argv[i]));

		if (number < 0 || i > MAX_RULES)
			return usage();
		code[length++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, argument == NULL ? 1 : 4);
		if (argument != NULL) {
			/* The low half on a little-endian machine. */
			code[length++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
			code[length++] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(argument + 1), 0, 1);
		}
		code[length++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)atoi(equals + 1) & SECCOMP_RET_DATA));
		if (argument != NULL)
			code[length++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	}
	code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (i + 1 >= argc)
		return usage();

	struct sock_fprog filter = {.len = length, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
		fprintf(stderr, "sandbox: the kernel takes no seccomp filter: %s\n", strerror(errno));
		return 1;
	}
	execvp(argv[i + 1], argv + i + 1);
	fprintf(stderr, "sandbox: %s: %s\n", argv[i + 1], strerror(errno));
	return 1;
}
