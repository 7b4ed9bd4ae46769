# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
description="8 CPUs with cgroup v2 alone; the cpuset of a running load is shrunk, widened, isolated and throttled"
cpus=8
memory=3G

group=/sys/fs/cgroup/percpu

in_group() {
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec "$@"
    )
}

prepare() {
    echo "+cpuset +cpu" >/sys/fs/cgroup/cgroup.subtree_control
    mkdir "$group"
    echo 0-5 >"$group/cpuset.cpus"
    cat "$group/cpuset.cpus.effective"
}

change_cpuset() {
    local cpus
    for cpus in 0-2 0-5 2-5 0-5 4-5 0-5; do
        echo "$cpus" >"$group/cpuset.cpus"
        sleep 5
        echo "cpuset $cpus: masks"
        masks
    done
}

isolated() {
    echo 6-7 >"$group/cpuset.cpus" && echo isolated >"$group/cpuset.cpus.partition"
    cat "$group/cpuset.cpus.partition"
    in_group percpu topology | tee /tmp/topology.log
    grep -Eq '^isolated +6-7' /tmp/topology.log
    local code=$?
    echo member >"$group/cpuset.cpus.partition"
    return $code
}

throttled() {
    echo "20000 100000" >"$group/cpu.max"
    in_group percpu run --works 1000
    local code=$?
    cat "$group/cpu.stat"
    echo max >"$group/cpu.max"
    return $code
}

guest() {
    step prepare
    step in_group percpu topology
    step in_group percpu run --works 4000
    step during change_cpuset in_group percpu run --duration 70s
    step isolated
    step throttled
}
