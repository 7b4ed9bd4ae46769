# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
description="16 CPUs of 2 sockets, 4 NUMA nodes, two threads a core; CPUs 6 and 7 are isolated"
cpus=16,sockets=2,dies=1,cores=4,threads=2
memory=4G
qemu=(
    -object memory-backend-ram,id=m0,size=1G -numa node,nodeid=0,cpus=0-3,memdev=m0
    -object memory-backend-ram,id=m1,size=1G -numa node,nodeid=1,cpus=4-7,memdev=m1
    -object memory-backend-ram,id=m2,size=1G -numa node,nodeid=2,cpus=8-11,memdev=m2
    -object memory-backend-ram,id=m3,size=1G -numa node,nodeid=3,cpus=12-15,memdev=m3
)
append="isolcpus=managed_irq,domain,6-7 nohz_full=6-7 rcu_nocbs=6-7"

guest() {
    step lscpu --extended
    step percpu topology
    step percpu check
    step percpu run --works 20000
    step percpu run --works 4000 --cpus isolated
    step percpu run --works 4000 --cpus node:2
    step suite ffm thread.AffinityTest netbsd.WorkqueueCreateTest cpu.SystemTopologyTest cpu.UsableCpusTest
    step suite jna thread.AffinityTest netbsd.WorkqueueCreateTest
}
