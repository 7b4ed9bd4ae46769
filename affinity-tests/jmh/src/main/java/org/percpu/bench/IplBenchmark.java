// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;

/**
 * Group ipl: raising the level and going back, beside blocking and unblocking the same signals.
 *
 * <p>JMH takes parameters in the order of their names and the last one varies first, so that in one run each round has all ways in turn.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class IplBenchmark {
    /** Repeats everything. */
    @Param({"1", "2", "3"})
    public int round;

    /** What makes a pair; see the classes below. */
    @Param({"nothing", "lazy", "lazyCurrent", "eager", "sigmask"})
    public String way;

    private Pair pair;

    /** Has a signal: without one there is nothing to mask. */
    private InterruptLine line;

    /** One class of these is loaded in each JVM, so that the call of its method costs nothing. */
    abstract static class Pair {
        abstract void run();
    }

    /** What JMH and the call cost. */
    private static final class Nothing extends Pair {
        @Override
        void run() {}
    }

    /** As the javadoc of Spl says: hot code keeps the object. */
    private static final class Kept extends Pair {
        private final Spl spl = Spl.current();

        Kept(SplMode mode) {
            spl.setMode(mode);
        }

        @Override
        void run() {
            int s = spl.splvm();
            spl.splx(s);
        }
    }

    /** The level is looked up once for a pair. */
    private static final class Current extends Pair {
        Current(SplMode mode) {
            Spl.current().setMode(mode);
        }

        @Override
        void run() {
            Spl spl = Spl.current();
            int s = spl.splvm();
            spl.splx(s);
        }
    }

    /** The two system calls through the bindings, with nothing around them. */
    private static final class Sigmask extends Pair {
        private final LinuxCalls linux = Backend.linux();
        private final long[] set = {SplSupport.mask(Ipl.VM)};

        @Override
        void run() {
            int blocked = linux.pthread_sigmask(LinuxCalls.SIG_BLOCK, set, null);
            int unblocked = linux.pthread_sigmask(LinuxCalls.SIG_UNBLOCK, set, null);
            if ((blocked | unblocked) != 0) {
                throw new IllegalStateException("pthread_sigmask: " + blocked + ", " + unblocked);
            }
        }
    }

    /** On the benchmark's own thread, whose level it is. */
    @Setup(Level.Trial)
    public void make() {
        line = InterruptLine.establish(Receiver.current(), "masked", Ipl.VM, value -> {});
        if (line.signal() == 0) {
            throw new IllegalStateException("no signal");
        }
        pair = switch (way) {
            case "nothing" -> new Nothing();
            case "lazy" -> new Kept(SplMode.LAZY);
            case "lazyCurrent" -> new Current(SplMode.LAZY);
            case "eager" -> new Kept(SplMode.EAGER);
            case "sigmask" -> new Sigmask();
            default -> throw new IllegalArgumentException(way);
        };
    }

    /** The signal is free again. */
    @TearDown(Level.Trial)
    public void close() {
        line.close();
    }

    /** Raises to IPL_VM and goes back. */
    @Benchmark
    public void iplPair() {
        pair.run();
    }
}
