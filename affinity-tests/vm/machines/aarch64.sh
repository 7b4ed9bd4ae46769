# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
description="4 CPUs of aarch64 with Debian's Java 17 and libpercpu from the cross compiler: memory order, the storm, the command"
arch=arm64
cpus=4
memory=3G

guest() {
    step uname -m
    step percpu topology
    step percpu check
    step percpu run --works 4000
    step suite jna netbsd.WorkqueueEnqueueTest netbsd.WorkqueueWorkerTest openbsd.TaskqAddTest openbsd.TaskqRaceTest
    step suite jna ipl.SplTest ipl.NativeWorkTest ipl.OrderTest ipl.StormTest
}
