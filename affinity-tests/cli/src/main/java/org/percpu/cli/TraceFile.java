// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.percpu.trace.BadRecording;
import org.percpu.trace.HtmlPicture;
import org.percpu.trace.Timeline;
import org.percpu.trace.Tracing;
import picocli.CommandLine.Option;

/** {@code --trace}: a picture of what a command does. */
final class TraceFile {
    private final Streams streams;

    @Option(
            names = "--trace",
            paramLabel = "FILE.html",
            description = "Record what runs where, and write the picture of it to a file, see percpu trace.")
    private @Nullable Path file;

    TraceFile(Streams streams) {
        this.streams = streams;
    }

    /** Runs a command, and draws what it did if that was asked for. */
    int around(String command, Callable<Integer> code) throws Exception {
        Path html = file;
        if (html == null) {
            return code.call();
        }
        requireWritable("--trace", html);
        try (Tracing tracing = Tracing.begin()) {
            int status = code.call();
            Timeline timeline = tracing.end();
            HtmlPicture.write(timeline, 0, timeline.nanos(), command, html);
            streams.err().println(command + ": the picture is in " + html);
            return status;
        } catch (BadRecording e) {
            streams.err().println(command + ": no picture: " + e.getMessage());
            return ExitStatus.FAILED;
        } catch (IOException e) {
            throw cannotWrite("--trace", html, e);
        }
    }

    /** Looks before the work is done. Leaves nothing behind. */
    static void requireWritable(String option, Path file) {
        try {
            boolean existed = Files.exists(file);
            Files.newByteChannel(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)
                    .close();
            if (!existed) {
                Files.delete(file);
            }
        } catch (IOException | UnsupportedOperationException e) {
            throw cannotWrite(option, file, e);
        }
    }

    static BadInput cannotWrite(String option, Path file, Exception e) {
        return new BadInput(
                option + " '" + file + "' cannot be written" + reason(e)
                        + ": name a file in a folder that exists and is yours",
                e);
    }

    private static String reason(Exception e) {
        if (e instanceof NoSuchFileException) {
            return " (there is no such folder)";
        }
        if (e instanceof AccessDeniedException) {
            return " (permission denied)";
        }
        String reason = e instanceof FileSystemException file ? file.getReason() : e.getMessage();
        return reason == null ? "" : " (" + reason + ")";
    }
}
