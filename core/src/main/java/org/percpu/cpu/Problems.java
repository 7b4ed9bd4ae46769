// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Collects what was missing or made no sense: one line for each kind of problem, however many CPUs or files have it.
 */
final class Problems {
    /**
     * The number of a folder with many similar siblings. In a class of its own, because most machines have no problem.
     */
    private static final class FolderNumber {
        static final Pattern PATTERN = Pattern.compile("\\b(cpu|node|index)[0-9]+(?=/)");
    }

    /** Takes the problems of the machine, or those of one CPU. */
    interface Sink {
        /**
         * Takes a problem.
         *
         * @param where the file, or nothing
         * @param what the kind of problem
         * @param detail what belongs to this one only, at the end of the line; often nothing
         */
        void report(String where, String what, String detail);
    }

    private record Of(Problems problems, CpuSet cpu) implements Sink {
        @Override
        public void report(String where, String what, String detail) {
            problems.add(cpu, where, what, detail);
        }
    }

    private static final class Kind {
        private final String where;
        private final String detail;
        private boolean sameWhere = true;
        private boolean sameDetail = true;
        private int count;
        private CpuSet cpus = CpuSet.empty();

        Kind(String where, String detail) {
            this.where = where;
            this.detail = detail;
        }

        void add(CpuSet cpu, String otherWhere, String otherDetail) {
            sameWhere &= where.equals(otherWhere);
            sameDetail &= detail.equals(otherDetail);
            cpus = cpus.or(cpu);
            count++;
        }
    }

    private record Key(boolean ofCpu, String where, String what) {}

    private final Map<Key, Kind> kinds = new LinkedHashMap<>();

    Sink ofMachine() {
        return new Of(this, CpuSet.empty());
    }

    Sink of(int cpu) {
        return new Of(this, CpuSet.of(cpu));
    }

    private void add(CpuSet cpu, String where, String what, String detail) {
        Key key = new Key(!cpu.isEmpty(), general(where), what);
        kinds.computeIfAbsent(key, any -> new Kind(where, detail)).add(cpu, where, detail);
    }

    private static String general(String where) {
        return FolderNumber.PATTERN.matcher(where).replaceAll("$1*");
    }

    /** A set as the subject of a sentence. */
    static String plural(CpuSet cpus) {
        return (cpus.size() == 1 ? "CPU " : "CPUs ") + cpus;
    }

    /** The problems of the machine come first. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        for (boolean ofCpu : new boolean[] {false, true}) {
            kinds.forEach((key, kind) -> {
                if (key.ofCpu == ofCpu) {
                    lines.add(line(key, kind));
                }
            });
        }
        return lines;
    }

    private static String line(Key key, Kind kind) {
        StringBuilder line = new StringBuilder(key.ofCpu ? plural(kind.cpus) + ": " : "");
        if (!kind.where.isEmpty()) {
            line.append(kind.sameWhere ? kind.where : key.where);
            line.append(kind.sameWhere || key.ofCpu ? ": " : " (" + kind.count + " files): ");
        }
        return line.append(key.what)
                .append(kind.detail)
                .append(kind.sameDetail ? "" : ", and the like")
                .toString();
    }
}
