# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
description="96 CPUs of 2 sockets, of which 9 are offline, so that the numbers have gaps"
cpus=96,sockets=2,dies=1,cores=24,threads=2
memory=6G

guest() {
    local cpu
    for cpu in 3 7 16 17 31 48 63 64 95; do
        echo 0 >"/sys/devices/system/cpu/cpu$cpu/online" || failures=$((failures + 1))
    done
    step cat /sys/devices/system/cpu/online
    step percpu topology
    step percpu run --works 8700
    step percpu run --works 2000 --cpus package:1
}
