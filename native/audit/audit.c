/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks at compile time what the Java bindings assume of the C library and the kernel. The backends (FFM and JNA)
 * write structures at fixed offsets, and x86-64 and aarch64 share the same constants. If a header disagrees, the
 * build fails.
 *
 * A test reads the CONSTANT lines and compares them with the Java sources: keep one to a line.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define CONSTANT(name, value) _Static_assert((long)(name) == (value), #name " is not " #value)
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "sizeof(" #type ") is not " #bytes)
#define FIELD(type, field, at, bytes)                                                                  \
    _Static_assert(offsetof(type, field) == (at), #field " of " #type " is not at " #at);              \
    _Static_assert(sizeof(((type *)0)->field) == (bytes), #field " of " #type " is not " #bytes " long")
#define FUNCTION(name, ...) _Static_assert(_Generic(&name, __VA_ARGS__: 1, default: 0), #name " is declared otherwise")
/* For parameters that are an enumeration in glibc and an int elsewhere. */
#define FUNCTION_EITHER(name, a, b) _Static_assert(_Generic(&name, a: 1, b: 1, default: 0), #name " is declared otherwise")

/* --- LinuxCalls */

CONSTANT(SCHED_OTHER, 0);
CONSTANT(SCHED_FIFO, 1);
CONSTANT(SCHED_RR, 2);
CONSTANT(SCHED_BATCH, 3);
CONSTANT(SCHED_IDLE, 5);
CONSTANT(SCHED_DEADLINE, 6);
CONSTANT(SCHED_RESET_ON_FORK, 0x40000000);
CONSTANT(SIG_BLOCK, 0);
CONSTANT(SIG_UNBLOCK, 1);
CONSTANT(SIG_SETMASK, 2);
CONSTANT(PRIO_PROCESS, 0);
CONSTANT(RLIMIT_NPROC, 6);
CONSTANT(RLIMIT_SIGPENDING, 11);
CONSTANT(RLIMIT_NICE, 13);
CONSTANT(RLIMIT_RTPRIO, 14);
CONSTANT(RLIMIT_RTTIME, 15);
CONSTANT(RLIM_INFINITY, -1);
CONSTANT(PR_SET_TIMERSLACK, 29);
CONSTANT(PR_GET_TIMERSLACK, 30);
CONSTANT(_SC_NPROCESSORS_CONF, 83);
CONSTANT(_SC_NPROCESSORS_ONLN, 84);

/* --- Errno */

CONSTANT(EPERM, 1);
CONSTANT(ENOENT, 2);
CONSTANT(ESRCH, 3);
CONSTANT(EINTR, 4);
CONSTANT(EIO, 5);
CONSTANT(EBADF, 9);
CONSTANT(EAGAIN, 11);
CONSTANT(ENOMEM, 12);
CONSTANT(EACCES, 13);
CONSTANT(EFAULT, 14);
CONSTANT(EBUSY, 16);
CONSTANT(EEXIST, 17);
CONSTANT(EINVAL, 22);
CONSTANT(ERANGE, 34);
CONSTANT(EDEADLK, 35);
CONSTANT(ENOSYS, 38);
CONSTANT(ESHUTDOWN, 108);
CONSTANT(ETIMEDOUT, 110);

/* --- constants that jextract wrote down on x86-64 */

CONSTANT(FUTEX_WAIT_PRIVATE, 128);
CONSTANT(FUTEX_WAKE_PRIVATE, 129);
CONSTANT(FUTEX_WAIT_BITSET_PRIVATE, 137);
CONSTANT(FUTEX_BITSET_MATCH_ANY, 0xffffffff);
CONSTANT(CLOCK_MONOTONIC, 1);
CONSTANT(TIMER_ABSTIME, 1);
CONSTANT(SIGEV_SIGNAL, 0);
CONSTANT(SIGEV_THREAD_ID, 4);
CONSTANT(F_GETFL, 3);
CONSTANT(F_SETFL, 4);
CONSTANT(F_SETSIG, 10);
CONSTANT(F_SETOWN_EX, 15);
CONSTANT(F_OWNER_TID, 0);
CONSTANT(O_ASYNC, 8192);
CONSTANT(MFD_CLOEXEC, 1);
/* Headers before Linux 6.3 do not have it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
CONSTANT(MFD_NOEXEC_SEAL, 8);
CONSTANT(O_NONBLOCK, 2048);
CONSTANT(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 8);
CONSTANT(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 16);

/* --- SystemCall of either backend */

#if defined __x86_64__
CONSTANT(SYS_close, 3);
CONSTANT(SYS_futex, 202);
CONSTANT(SYS_getpriority, 140);
CONSTANT(SYS_gettid, 186);
CONSTANT(SYS_membarrier, 324);
CONSTANT(SYS_memfd_create, 319);
#elif defined __aarch64__
CONSTANT(SYS_close, 57);
CONSTANT(SYS_futex, 98);
CONSTANT(SYS_getpriority, 141);
CONSTANT(SYS_gettid, 178);
CONSTANT(SYS_membarrier, 283);
CONSTANT(SYS_memfd_create, 279);
#else
#error "percpu runs on x86-64 and aarch64"
#endif

/* --- types: LP64, little-endian, an opaque pthread_t that is a number */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of a mask are read as 64-bit little-endian numbers");
SIZE(int, 4);
SIZE(long, 8);
SIZE(void *, 8);
SIZE(size_t, 8);
SIZE(pid_t, 4);
SIZE(id_t, 4);
SIZE(clockid_t, 4);
SIZE(timer_t, 8);
SIZE(time_t, 8);
SIZE(rlim_t, 8);
SIZE(pthread_t, 8);
_Static_assert(_Generic((pthread_t)0, unsigned long: 1, default: 0), "pthread_t is not an unsigned long");

/* --- layouts */

SIZE(cpu_set_t, 128);
CONSTANT(CPU_SETSIZE, 1024);

/* The kernel's set is the first 64 bits; the C library carries more, which stay zero. */
SIZE(sigset_t, 128);
CONSTANT(_NSIG, 65);

SIZE(struct sched_param, 4);
FIELD(struct sched_param, sched_priority, 0, 4);

SIZE(struct timespec, 16);
FIELD(struct timespec, tv_sec, 0, 8);
FIELD(struct timespec, tv_nsec, 8, 8);

SIZE(struct itimerspec, 32);
FIELD(struct itimerspec, it_interval, 0, 16);
FIELD(struct itimerspec, it_value, 16, 16);

SIZE(struct rlimit, 16);
FIELD(struct rlimit, rlim_cur, 0, 8);
FIELD(struct rlimit, rlim_max, 8, 8);

SIZE(union sigval, 8);
FIELD(union sigval, sival_int, 0, 4);
FIELD(union sigval, sival_ptr, 0, 8);

SIZE(siginfo_t, 128);
FIELD(siginfo_t, si_signo, 0, 4);
FIELD(siginfo_t, si_code, 8, 4);
FIELD(siginfo_t, si_value, 24, 8);

/* Not every C library names the thread of SIGEV_THREAD_ID. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
SIZE(struct sigevent, 64);
FIELD(struct sigevent, sigev_value, 0, 8);
FIELD(struct sigevent, sigev_signo, 8, 4);
FIELD(struct sigevent, sigev_notify, 12, 4);
FIELD(struct sigevent, sigev_notify_thread_id, 16, 4);

SIZE(struct f_owner_ex, 8);
FIELD(struct f_owner_ex, type, 0, 4);
FIELD(struct f_owner_ex, pid, 4, 4);

/* --- functions, as both backends call them */

FUNCTION(getpid, pid_t (*)(void));
FUNCTION(geteuid, uid_t (*)(void));
FUNCTION(pthread_self, pthread_t (*)(void));

FUNCTION(sched_getcpu, int (*)(void));
FUNCTION(sched_setaffinity, int (*)(pid_t, size_t, const cpu_set_t *));
FUNCTION(sched_getaffinity, int (*)(pid_t, size_t, cpu_set_t *));
FUNCTION(sched_getscheduler, int (*)(pid_t));
FUNCTION(sched_getparam, int (*)(pid_t, struct sched_param *));
FUNCTION(sched_get_priority_min, int (*)(int));
FUNCTION(sched_get_priority_max, int (*)(int));
FUNCTION(sched_yield, int (*)(void));
FUNCTION(pthread_setschedparam, int (*)(pthread_t, int, const struct sched_param *));
FUNCTION(pthread_getschedparam, int (*)(pthread_t, int *, struct sched_param *));
FUNCTION_EITHER(setpriority, int (*)(unsigned, id_t, int), int (*)(int, id_t, int));

FUNCTION(pthread_setname_np, int (*)(pthread_t, const char *));
FUNCTION(pthread_getname_np, int (*)(pthread_t, char *, size_t));

FUNCTION(__libc_current_sigrtmin, int (*)(void));
FUNCTION(__libc_current_sigrtmax, int (*)(void));
FUNCTION(pthread_sigmask, int (*)(int, const sigset_t *, sigset_t *));
FUNCTION(sigpending, int (*)(sigset_t *));
FUNCTION(pthread_kill, int (*)(pthread_t, int));
FUNCTION(pthread_sigqueue, int (*)(pthread_t, int, union sigval));
FUNCTION(sigqueue, int (*)(pid_t, int, union sigval));
FUNCTION(sigtimedwait, int (*)(const sigset_t *, siginfo_t *, const struct timespec *));

FUNCTION_EITHER(getrlimit, int (*)(unsigned, struct rlimit *), int (*)(int, struct rlimit *));
FUNCTION_EITHER(setrlimit, int (*)(unsigned, const struct rlimit *), int (*)(int, const struct rlimit *));
FUNCTION(prctl, int (*)(int, ...));
FUNCTION(sysconf, long (*)(int));
FUNCTION(strerror, char *(*)(int));
FUNCTION(strerror_r, char *(*)(int, char *, size_t));
FUNCTION(syscall, long (*)(long, ...));

FUNCTION(timer_create, int (*)(clockid_t, struct sigevent *, timer_t *));
FUNCTION(timer_settime, int (*)(timer_t, int, const struct itimerspec *, struct itimerspec *));
FUNCTION(timer_delete, int (*)(timer_t));
FUNCTION(fcntl, int (*)(int, int, ...));

CONSTANT(RTLD_NOW, 2);
FUNCTION(dlopen, void *(*)(const char *, int));
FUNCTION(dlsym, void *(*)(void *, const char *));
FUNCTION(dlerror, char *(*)(void));
FUNCTION(strncpy, char *(*)(char *, const char *, size_t));
FUNCTION(gnu_get_libc_version, const char *(*)(void));
