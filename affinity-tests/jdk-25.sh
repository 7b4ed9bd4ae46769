# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For scripts to source. The launcher and the schedules look for other versions, in ways of their own.

# jdk_25 TOOL [HOME ...]: prints the first home of a JDK 25 or newer that has bin/TOOL.
jdk_25() {
    local tool=$1 home
    shift
    for home in "${JAVA_HOME:-}" "${JAVA25_HOME:-}" "$@" /usr/lib/jvm/*; do
        if [ -x "$home/bin/$tool" ] && grep -Eqs '^JAVA_VERSION="(2[5-9]|[3-9][0-9])' "$home/release"; then
            echo "$home"
            return 0
        fi
    done
    return 1
}
