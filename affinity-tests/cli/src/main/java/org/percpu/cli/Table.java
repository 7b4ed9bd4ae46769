// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/** Columns of text, as wide as their widest cell. Columns of numbers are aligned to the right. On a simulated machine a line above says so. */
final class Table {
    private static final String GAP = "  ";

    private final List<String> heads;
    private final List<List<String>> rows = new ArrayList<>();

    /** The heads; one that ends with {@code >} (not shown) marks a column of numbers. */
    Table(String... heads) {
        this.heads = List.of(heads);
    }

    void row(Object... cells) {
        if (cells.length != heads.size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + heads.size() + " columns");
        }
        List<String> row = new ArrayList<>();
        for (Object cell : cells) {
            row.add(cell.toString());
        }
        rows.add(row);
    }

    void print(PrintStream out) {
        if (Simulation.active()) {
            out.println(Simulation.banner());
        }
        List<List<String>> lines = new ArrayList<>();
        lines.add(new ArrayList<>());
        for (String head : heads) {
            lines.get(0).add(shown(head));
        }
        lines.addAll(rows);
        int[] widths = new int[heads.size()];
        for (List<String> cells : lines) {
            measure(widths, cells);
        }
        for (List<String> cells : lines) {
            out.println(line(widths, cells));
        }
    }

    private static String shown(String head) {
        return isNumber(head) ? head.substring(0, head.length() - 1) : head;
    }

    private static boolean isNumber(String head) {
        return head.endsWith(">");
    }

    private static void measure(int[] widths, List<String> cells) {
        for (int i = 0; i < widths.length; i++) {
            widths[i] = Math.max(widths[i], cells.get(i).length());
        }
    }

    private String line(int[] widths, List<String> cells) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            String cell = cells.get(i);
            String padding = " ".repeat(widths[i] - cell.length());
            line.append(i == 0 ? "" : GAP).append(isNumber(heads.get(i)) ? padding + cell : cell + padding);
        }
        return line.toString().stripTrailing();
    }
}
