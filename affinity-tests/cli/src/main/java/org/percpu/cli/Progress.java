// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A bar for people who wait. It is drawn on a terminal, and never into a pipe or a file. */
final class Progress implements AutoCloseable {
    private static final int COLUMNS = 79;
    private static final int EVERY_MILLIS = 200;

    private final @Nullable ProgressBar bar;

    private Progress(@Nullable ProgressBar bar) {
        this.bar = bar;
    }

    /** A bar on standard error if that and standard output are terminals, else nothing. */
    static Progress start(PrintStream err, String task, long total, String unit) {
        if (!isTerminal(1) || !isTerminal(2)) {
            return new Progress(null);
        }
        return new Progress(new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(total)
                .setUnit(" " + unit, 1)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(EVERY_MILLIS)
                .setMaxRenderedLength(COLUMNS)
                .setConsumer(new ConsoleProgressBarConsumer(err, COLUMNS))
                .clearDisplayOnFinish()
                .build());
    }

    /** The kernel's word on a file descriptor of this process: {@code System.console()} means other things in other releases. */
    static boolean isTerminal(int descriptor) {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor))
                    .toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (IOException e) {
            return false;
        }
    }

    void at(long done) {
        if (bar != null) {
            bar.stepTo(done);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
