// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/** The entry point of {@code percpu}. */
@Command(
        name = "percpu",
        description = "Deferred work on real CPUs: what this machine is, what you may do on it, and the proof.",
        synopsisSubcommandLabel = "(topology | check | run | ipl | timerlat | soak | compare | trace | top | dump)",
        footer = {
            "",
            "Exit status: 0 all is well; 1 the answer is no (a work lost, run twice or run elsewhere, a file unreadable, a CPU or a"
                    + " privilege denied); 2 bad input."
        })
public final class Main {
    private static final String COMMANDS =
            "percpu topology, percpu check, percpu run, percpu ipl, percpu timerlat, percpu soak, percpu compare, percpu trace,"
                    + " percpu top or percpu dump, or percpu --help";

    private static final String TOPOLOGY = "topology";
    private static final String CHECK = "check";
    private static final List<String> NAMES =
            List.of(TOPOLOGY, CHECK, "run", "ipl", "timerlat", "soak", "compare", "trace", "top", "dump");

    /** Apart, because the topology needs no thread that could have something to log, and the loggers take a start 30 milliseconds. */
    private static final class Log {
        /** Held so that the level is not collected with the logger. */
        static final Logger LIBRARY = Logger.getLogger("org.percpu");

        /** The warning that a time limit may end the process, in which case no report follows. */
        static final Logger TIME_LIMIT = Logger.getLogger("org.percpu.thread.Realtime");

        /** Denied policies and lost pins are part of every report; the log would say them a second time. */
        static void quiet(PrintStream err, String command) {
            LIBRARY.setLevel(Level.SEVERE);
            TIME_LIMIT.setUseParentHandlers(false);
            if (!command.equals(CHECK)) { // which has a row for the limit
                TIME_LIMIT.setLevel(Level.WARNING);
                TIME_LIMIT.addHandler(new Lines(err, "percpu " + command + ": warning: "));
            }
        }
    }

    /** Prints each message on a line. */
    private static final class Lines extends Handler {
        private final PrintStream out;
        private final String start;

        Lines(PrintStream out, String start) {
            this.out = out;
            this.start = start;
        }

        @Override
        public void publish(LogRecord message) {
            out.println(start + message.getMessage());
        }

        @Override
        public void flush() {
            out.flush();
        }

        @Override
        public void close() {
            // The stream is not ours.
        }
    }

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show this text.")
    @SuppressWarnings("UnusedVariable") // read by picocli
    private boolean help;

    private Main() {}

    /**
     * Runs a command and ends the process with its {@linkplain ExitStatus status}.
     *
     * @param args as on the command line
     */
    public static void main(String[] args) {
        Streams streams = new Streams(utf8(FileDescriptor.out), utf8(FileDescriptor.err));
        if (args.length > 0 && !args[0].equals(TOPOLOGY)) {
            Log.quiet(streams.err(), args[0]);
        }
        int status = run(streams, args);
        // Flushes as well. A full disk or a reader that left must not look like success.
        if (streams.out().checkError() && status == ExitStatus.OK) {
            streams.err().println("percpu: the answer could not be written: is the disk full, or the reader gone?");
            status = ExitStatus.FAILED;
        }
        streams.err().flush();
        System.exit(status);
    }

    private static PrintStream utf8(FileDescriptor descriptor) {
        return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
    }

    /**
     * Runs a command.
     *
     * @param streams where it writes
     * @param args as on the command line
     * @return its {@linkplain ExitStatus status}
     */
    static int run(Streams streams, String... args) {
        CommandLine line = new CommandLine(new Main());
        // picocli reads the annotations of each command that it knows; one is enough where it is named.
        boolean named = args.length > 0 && NAMES.contains(args[0]);
        for (String name : named ? List.of(args[0]) : NAMES) {
            line.addSubcommand(command(name, streams));
        }
        line.setExecutionStrategy(Main::execute)
                .setOut(new PrintWriter(streams.out(), true, StandardCharsets.UTF_8))
                .setParameterExceptionHandler((e, any) -> badInput(streams, e.getCommandLine(), e))
                .setExecutionExceptionHandler((e, command, any) -> failed(streams, command, e));
        if (args.length == 0) {
            complain(streams, line, "no command: write " + COMMANDS);
            return ExitStatus.BAD_INPUT;
        }
        return line.execute(args);
    }

    private static Object command(String name, Streams streams) {
        return switch (name) {
            case TOPOLOGY -> new TopologyCommand(streams);
            case CHECK -> new CheckCommand(streams);
            case "run" -> new RunCommand(streams);
            case "ipl" -> new IplCommand(streams);
            case "timerlat" -> new TimerlatCommand(streams);
            case "soak" -> new SoakCommand(streams);
            case "compare" -> new CompareCommand(streams);
            case "top" -> new TopCommand(streams);
            case "dump" -> new DumpCommand(streams);
            case "trace" -> new TraceCommand(streams);
            default -> throw new IllegalArgumentException(name);
        };
    }

    private static int execute(ParseResult parsed) {
        ParseResult command = parsed.hasSubcommand() ? parsed.subcommand() : parsed;
        try {
            Simulation.admit(command);
        } catch (BadInput e) {
            throw new ExecutionException(command.commandSpec().commandLine(), String.valueOf(e.getMessage()), e);
        }
        return new RunLast().execute(parsed);
    }

    private static int badInput(Streams streams, CommandLine command, ParameterException e) {
        if (e instanceof UnmatchedArgumentException unmatched && command.getParent() == null) {
            complain(streams, command, "'" + unmatched.getUnmatched().get(0) + "' is unknown: write " + COMMANDS);
        } else {
            String name = command.getCommandSpec().qualifiedName();
            complain(streams, command, e.getMessage() + "; see " + name + " --help");
        }
        return ExitStatus.BAD_INPUT;
    }

    private static int failed(Streams streams, CommandLine command, Exception e) {
        if (e instanceof BadInput) {
            complain(streams, command, String.valueOf(e.getMessage()));
            return ExitStatus.BAD_INPUT;
        }
        if (e instanceof LinuxException || e instanceof ErrnoException) {
            complain(streams, command, String.valueOf(e.getMessage()));
            return ExitStatus.FAILED;
        }
        if (e instanceof UnsupportedOperationException) {
            boolean forced = System.getProperty(Backend.PROPERTY) != null;
            String remedy =
                    forced ? "; leave -D" + Backend.PROPERTY + " out, or name ffm (Java 23 or newer) or jna" : "";
            complain(streams, command, e.getMessage() + remedy);
            return forced ? ExitStatus.BAD_INPUT : ExitStatus.FAILED;
        }
        StackTraceElement[] trace = e.getStackTrace();
        complain(
                streams,
                command,
                "this is a defect of percpu, please report it: " + e + (trace.length > 0 ? " at " + trace[0] : ""));
        return ExitStatus.FAILED;
    }

    private static void complain(Streams streams, CommandLine command, String message) {
        streams.err()
                .println(command.getCommandSpec().qualifiedName() + ": "
                        + message.strip().replaceAll("\\s*\\R\\s*", " "));
    }
}
