# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
description="8 CPUs under Debian's PREEMPT_RT kernel"
kernel=rt
cpus=8
memory=3G

guest() {
    step cat /sys/kernel/realtime
    step percpu check
    step percpu run --works 8000
    step percpu run --works 8000 --priority 100 --realtime require
    step percpu -Dpercpu.backend=jna run --works 8000
    step suite ffm thread.PolicyTest netbsd.WorkqueueEnqueueTest openbsd.TaskqAddTest ipl.InterruptLineTest
    step suite jna thread.PolicyTest netbsd.WorkqueueEnqueueTest
}
