// SPDX-License-Identifier: BSD-2-Clause
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.percpu.cpu.Cpu;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Affinity;
import org.percpu.thread.Pri;

/**
 * Give work to Java from a native thread and from a signal handler: {@code percpu_post} of {@code percpu.h}.
 *
 * <p>In this folder, with a Java 22 or newer:
 *
 * <pre>
 * cc -shared -fPIC -pthread -I../../../../native/include -o ../../../target/libsample06.so sample06.c
 * java --enable-native-access=ALL-UNNAMED -cp ../../../target/percpu-cli.jar Sample06_PostFromC.java ../../../target/libsample06.so
 * </pre>
 *
 * <p>On a machine with the CPUs 0 and 1 it prints:
 *
 * <pre>
 * a native thread posted 1 to CPU 0, received on CPU 0
 * a native thread posted 2 to CPU 0, received on CPU 0
 * a native thread posted 3 to CPU 0, received on CPU 0
 * a signal handler posted 1 to CPU 1, received on CPU 1
 * a signal handler posted 2 to CPU 1, received on CPU 1
 * a signal handler posted 3 to CPU 1, received on CPU 1
 * </pre>
 *
 * <p>Java never runs in the signal handler or on the native thread. {@code percpu_post} leaves the value with the work, queues the work
 * and wakes the queue's worker; all of that is safe in a handler. The worker then calls back, on its CPU. Values that come before the
 * callback runs are found by one run, in their order: so it drains them.
 */
public final class Sample06_PostFromC {
    private static final class Message extends Work {
        final String sender;
        final Cpu cpu;
        final NativeWork handle;
        final CountDownLatch values = new CountDownLatch(3);

        Message(Workqueue<Message> wq, String sender, Cpu cpu) {
            this.sender = sender;
            this.cpu = cpu;
            this.handle = wq.nativeWork(this, cpu);
        }

        void receive() {
            handle.drain(value -> {
                System.out.println(sender + " posted " + value + " to CPU " + cpu.id() + ", received on CPU "
                        + Affinity.currentCpu());
                values.countDown();
            });
        }
    }

    private Sample06_PostFromC() {}

    public static void main(String[] args) throws Throwable {
        Kernel kernel = Kernel.system();
        Workqueue<Message> wq = Workqueue.create(
                kernel,
                "messages",
                (message, none) -> message.receive(),
                null,
                Pri.PRI_NONE,
                Ipl.HIGH,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        List<Cpu> cpus = kernel.cpus();
        Message fromThread = new Message(wq, "a native thread", cpus.get(0));
        Message fromSignal = new Message(wq, "a signal handler", cpus.get(cpus.size() - 1));

        Linker linker = Linker.nativeLinker();
        SymbolLookup sample = SymbolLookup.libraryLookup(Path.of(args[0]), Arena.global());
        FunctionDescriptor takesPostAndHandle = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG);
        MethodHandle thread = linker.downcallHandle(sample.find("sample_thread").orElseThrow(), takesPostAndHandle);
        MethodHandle alarm = linker.downcallHandle(sample.find("sample_alarm").orElseThrow(), takesPostAndHandle);
        MethodHandle alarmOff =
                linker.downcallHandle(sample.find("sample_alarm_off").orElseThrow(), FunctionDescriptor.of(JAVA_INT));
        MemorySegment post = MemorySegment.ofAddress(NativeWork.postFunction());

        check("sample_thread", (int) thread.invokeExact(post, fromThread.handle.handle()));
        fromThread.values.await();
        check("sample_alarm", (int) alarm.invokeExact(post, fromSignal.handle.handle()));
        fromSignal.values.await();
        check("sample_alarm_off", (int) alarmOff.invokeExact());

        // A handle that is closed, or never was one, is refused: C code that still has it does no harm.
        fromThread.handle.close();
        fromSignal.handle.close();
        wq.drainAndDestroy();
    }

    private static void check(String function, int error) {
        if (error != 0) {
            throw new IllegalStateException(function + " failed with errno " + error);
        }
    }
}
