# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
description="8 CPUs of which 2 are online at the start; CPUs come and go under load"
cpus=8
memory=3G
append="maxcpus=2"

set_online() {
    echo "$2" >"/sys/devices/system/cpu/cpu$1/online"
}

off_and_on() {
    local round
    for round in 1 2 3 4 5; do
        set_online 1 0 && sleep 3 && set_online 1 1 && sleep 3
        echo "round $round: online $(cat /sys/devices/system/cpu/online)"
        masks
    done
}

guest() {
    step percpu topology
    step percpu run --works 4000
    step during off_and_on percpu run --duration 60s --cpus 0-1
    step set_online 2 1
    step set_online 3 1
    step percpu run --works 4000
    step suite ffm kernel.PinWatchTest
    step suite jna kernel.PinWatchTest
}
