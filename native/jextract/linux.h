/* SPDX-License-Identifier: BSD-2-Clause */
/* The system headers whose functions and types the Java bindings use; jextract.args picks from them by name. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
/* The values of SIGRTMIN and SIGRTMAX, which are macros over these calls. */
int __libc_current_sigrtmin(void);
int __libc_current_sigrtmax(void);
