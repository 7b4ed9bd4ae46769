// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.concurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.concurrent.PinnedThreadFactory;
import org.percpu.concurrent.PinnedThreadFactory.WhenFull;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.cpu.Placement;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Sandbox;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/** Threads of a factory: one to one on the CPUs of its list, by the kernel's word. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("a factory of pinned threads")
class PinnedThreadFactoryTest {
    /** The ForkJoinPool of Java 17 counts a worker that its factory has refused for ever, and never terminates. */
    static final boolean FORGETS_REFUSED_WORKERS = Runtime.version().feature() >= 21;

    private final CountDownLatch end = new CountDownLatch(1);
    private final CpuSet allowed = CpuTopology.system().allowed();
    private final CpuSet one = CpuSet.of(allowed.last());

    @AfterEach
    void endThreads() {
        end.countDown();
    }

    /** What the kernel says in the first statement of a task. */
    private record Word(String name, CpuSet mask, String comm) {
        static Word now() {
            int tid = Machine.linux().gettid();
            return new Word(Thread.currentThread().getName(), Proc.allowed(tid), Proc.comm(tid));
        }
    }

    private List<Word> startAndKeep(ThreadFactory factory, int count) {
        List<Word> words = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            AtomicReference<@Nullable Word> word = new AtomicReference<>();
            CountDownLatch said = new CountDownLatch(1);
            Thread thread = factory.newThread(() -> {
                word.set(Word.now());
                said.countDown();
                Bounded.arrive(end);
            });
            thread.start();
            Bounded.arrive(said);
            words.add(word.get());
        }
        return words;
    }

    private static PinnedThreadFactory.Builder daemons(String pattern) {
        return PinnedThreadFactory.builder(pattern).daemon(true);
    }

    private static ThreadPoolExecutor pool(int threads, ThreadFactory factory) {
        return new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), factory);
    }

    private static void end(ExecutorService pool) throws InterruptedException {
        pool.shutdownNow();
        assertThat(pool.awaitTermination(Bounded.SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    @Nested
    @DisplayName("its threads")
    class Threads {
        @Test
        @DisplayName(
                "get the CPUs of the list in its order, have them at the first statement, and are named by the pattern")
        void oneToOne() {
            List<Cpu> cpus = new ArrayList<>(CpuTopology.system().allowedCpus());
            Collections.reverse(cpus);
            PinnedThreadFactory factory = daemons("io%%%d-on-%c").cpus(cpus).build();
            List<Word> words = startAndKeep(factory, cpus.size());
            for (int i = 0; i < cpus.size(); i++) {
                String name = "io%" + i + "-on-" + cpus.get(i).id();
                assertThat(words.get(i))
                        .isEqualTo(new Word(name, CpuSet.of(cpus.get(i).id()), name));
            }
            assertThat(factory.states())
                    .hasSize(cpus.size())
                    .allMatch(ThreadState::pinned)
                    .extracting(state -> state.allowed().first())
                    .containsExactlyElementsOf(cpus.stream().map(Cpu::id).toList());
            assertThat(factory.repin()).isTrue();
        }

        @Test
        @DisplayName("get every CPU of the process in ascending order unless something else was said")
        void everyCpu() {
            List<Word> words = startAndKeep(daemons("any-%d").build(), allowed.size());
            assertThat(words)
                    .extracting(Word::mask)
                    .containsExactlyElementsOf(
                            allowed.stream().mapToObj(CpuSet::of).toList());
        }

        @Test
        @DisplayName("get the CPUs in the order of the placement, of which a limit takes the first")
        void placements() {
            CpuTopology topology = CpuTopology.refresh();
            for (Placement placement : Placement.values()) {
                List<Cpu> order = placement.order(topology, allowed);
                int limit = Math.min(2, order.size());
                PinnedThreadFactory factory =
                        daemons("p-%d").placement(placement).limit(limit).build();
                assertThat(startAndKeep(factory, limit))
                        .extracting(word -> word.mask().first())
                        .containsExactlyElementsOf(
                                order.subList(0, limit).stream().map(Cpu::id).toList());
                assertThatThrownBy(() -> factory.newThread(() -> {})).isInstanceOf(RejectedExecutionException.class);
            }
        }

        @Test
        @DisplayName("are chosen by what CPUs are: those that are not isolated")
        void selections() {
            CpuTopology topology = CpuTopology.refresh();
            CpuSet wanted = topology.select("default,!isolated");
            PinnedThreadFactory factory =
                    daemons("s-%d").select("default,!isolated").build();
            assertThat(startAndKeep(factory, wanted.size()))
                    .extracting(word -> word.mask().first())
                    .containsExactlyElementsOf(wanted.stream().boxed().toList());
            if (topology.isolated().isEmpty()) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> daemons("s-%d").select("isolated").build())
                        .withMessageContaining("isolates no CPU");
            }
        }

        @Test
        @DisplayName("are daemons, prioritised and watched as the builder says")
        void configured() {
            AtomicReference<@Nullable Throwable> told = new AtomicReference<>();
            CountDownLatch heard = new CountDownLatch(1);
            PinnedThreadFactory factory = PinnedThreadFactory.builder("nice")
                    .cpus(one)
                    .sched(Sched.other(5))
                    .uncaughtExceptionHandler((thread, thrown) -> {
                        told.set(thrown);
                        heard.countDown();
                    })
                    .build();
            AtomicReference<@Nullable Integer> nice = new AtomicReference<>();
            Thread thread = factory.newThread(() -> {
                nice.set(Proc.nice(Machine.linux().gettid()));
                throw new IllegalStateException("thrown by the task");
            });
            assertThat(thread.isDaemon()).isFalse();
            assertThat(thread.getState()).isEqualTo(Thread.State.NEW);
            thread.start();
            Bounded.arrive(heard);
            assertThat(nice.get()).isEqualTo(5);
            assertThat(told.get()).hasMessage("thrown by the task");
            assertThat(daemons("d").build().newThread(() -> {}).isDaemon()).isTrue();
        }

        @Test
        @DisplayName("have the real-time policy that was required, or newThread() says what to do")
        void realtime() {
            PinnedThreadFactory factory = daemons("rt")
                    .cpus(one)
                    .sched(Sched.fifo(3))
                    .realtimePolicy(RealtimePolicy.REQUIRE)
                    .build();
            if (Machine.realtime()) {
                factory.newThread(() -> Bounded.arrive(end)).start();
                assertThat(Proc.sched(factory.states().get(0).tid())).isEqualTo(Sched.fifo(3));
            } else {
                assertThatThrownBy(() -> factory.newThread(() -> {}))
                        .isInstanceOf(LinuxException.class)
                        .hasMessageContaining("EPERM");
            }
        }

        @Test
        @DisplayName("do not inherit the CPU of a pinned thread that makes them")
        void madeByAPinnedThread() {
            PinnedThreadFactory factory = daemons("child").cpus(one).build();
            PinnedThreadFactory unpinned = PinnedThreadFactory.unpinned("free-%d-%c");
            AtomicReference<@Nullable List<Word>> words = new AtomicReference<>();
            CountDownLatch made = new CountDownLatch(1);
            CpuThread parent = CpuThread.builder("parent")
                    .cpus(CpuSet.of(allowed.first()))
                    .sched(Sched.other(7))
                    .start(() -> {
                        List<Word> both = startAndKeep(factory, 1);
                        both.addAll(startAndKeep(unpinned, 1));
                        words.set(both);
                        made.countDown();
                    });
            Bounded.arrive(made);
            assertThat(parent.state().asked()).isEqualTo(CpuSet.of(allowed.first()));
            assertThat(words.get())
                    .containsExactly(new Word("child", one, "child"), new Word("free-0-any", allowed, "free-0-any"));
            assertThat(unpinned.states()).noneMatch(ThreadState::bound);
        }

        @Test
        @DisplayName("may be made and started by a virtual thread")
        void madeByAVirtualThread() throws Exception {
            Machine.skipUnless(Runtime.version().feature() >= 21, "virtual threads came with Java 21");
            PinnedThreadFactory factory = daemons("by-virtual").cpus(one).build();
            AtomicReference<@Nullable List<Word>> words = new AtomicReference<>();
            Thread virtual = (Thread)
                    Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, (Runnable)
                            () -> words.set(startAndKeep(factory, 1)));
            virtual.join();
            assertThat(words.get()).containsExactly(new Word("by-virtual", one, "by-virtual"));
        }
    }

    @Nested
    @DisplayName("when every CPU has a thread")
    class Full {
        @Test
        @DisplayName("ERROR refuses the next thread and names the remedy; the end of a thread makes room")
        void error() {
            PinnedThreadFactory factory = daemons("full-%d").cpus(one).build();
            startAndKeep(factory, 1);
            assertThatThrownBy(() -> factory.newThread(() -> {}))
                    .isInstanceOf(RejectedExecutionException.class)
                    .hasMessageContaining("full-%d")
                    .hasMessageContaining("cpu" + one.first())
                    .hasMessageContaining("WRAP_ROUND");
            end.countDown();
            Bounded.until("the thread has left", () -> factory.states().isEmpty());
            assertThat(startAndKeep(factory, 1)).extracting(Word::mask).containsExactly(one);
        }

        @Test
        @DisplayName("WRAP_ROUND shares CPUs, those with the fewest threads first")
        void wrapRound() {
            PinnedThreadFactory factory =
                    daemons("round-%d").whenFull(WhenFull.WRAP_ROUND).build();
            List<Integer> expected = new ArrayList<>(allowed.stream().boxed().toList());
            expected.addAll(allowed.stream().boxed().toList());
            assertThat(startAndKeep(factory, 2 * allowed.size()))
                    .extracting(word -> word.mask().first())
                    .containsExactlyElementsOf(expected);
        }

        @Test
        @DisplayName("UNPINNED lets the next thread run anywhere")
        void unpinned() {
            PinnedThreadFactory factory =
                    daemons("un-%c").cpus(one).whenFull(WhenFull.UNPINNED).build();
            assertThat(startAndKeep(factory, 2))
                    .containsExactly(
                            new Word("un-" + one.first(), one, "un-" + one.first()),
                            new Word("un-any", allowed, "un-any"));
        }

        @Test
        @DisplayName("a thread that was never started and is not used any more makes room")
        void neverStarted() {
            PinnedThreadFactory factory = daemons("lost").cpus(one).build();
            WeakReference<Thread> lost = new WeakReference<>(factory.newThread(() -> {}));
            Bounded.until("the collector has found it", () -> {
                System.gc();
                return lost.get() == null;
            });
            Bounded.until("there is room", () -> {
                try {
                    return startAndKeep(factory, 1).size() == 1;
                } catch (RejectedExecutionException e) {
                    return false;
                }
            });
        }

        @Test
        @DisplayName("a second start does not take the CPU from the running thread")
        void startedTwice() {
            PinnedThreadFactory factory = daemons("twice").cpus(one).build();
            Thread thread = factory.newThread(() -> Bounded.arrive(end));
            thread.start();
            assertThatThrownBy(thread::start).isInstanceOf(IllegalThreadStateException.class);
            assertThat(factory.states()).hasSize(1);
            assertThatThrownBy(() -> factory.newThread(() -> {})).isInstanceOf(RejectedExecutionException.class);
        }
    }

    @Nested
    @DisplayName("in a pool")
    class Pools {
        @Test
        @DisplayName(
                "the workers of a ThreadPoolExecutor are one to a CPU, and a replaced worker takes the CPU of the old one")
        void threadPool() throws Exception {
            PinnedThreadFactory factory =
                    daemons("tpe-%d").uncaughtExceptionHandler((t, e) -> {}).build();
            ThreadPoolExecutor pool = pool(allowed.size(), factory);
            CyclicBarrier all = new CyclicBarrier(allowed.size());
            Set<Integer> before = everyWorker(pool, all);
            assertThat(before).hasSize(allowed.size());
            for (int i = 0; i < 3 * allowed.size(); i++) {
                pool.execute(() -> {
                    throw new IllegalStateException("the worker dies");
                });
            }
            assertThat(everyWorker(pool, all)).isEqualTo(before);
            assertThat(pool.getPoolSize()).isEqualTo(allowed.size());
            end(pool);
            Bounded.until("the CPUs are free", () -> factory.states().isEmpty());
        }

        private Set<Integer> everyWorker(ExecutorService pool, CyclicBarrier all) throws Exception {
            List<Future<Integer>> cpus = new ArrayList<>();
            for (int i = 0; i < allowed.size(); i++) {
                cpus.add(pool.submit(() -> {
                    CpuSet mask = Affinity.get();
                    Bounded.meet(all);
                    assertThat(mask.size()).isEqualTo(1);
                    return mask.first();
                }));
            }
            Set<Integer> found = new HashSet<>();
            for (Future<Integer> cpu : cpus) {
                found.add(cpu.get(Bounded.SECONDS, TimeUnit.SECONDS));
            }
            return found;
        }

        @Test
        @DisplayName("where no thread can be pinned, execute() throws the reason, and no task runs")
        void refused() {
            Machine.needsCpus(2);
            assertThat(Fork.of(RefusedPins.class)
                            .under(Sandbox.of("sched_setaffinity=" + Errno.EPERM.number()))
                            .run())
                    .contains("no task ran unpinned");
        }

        @Test
        @DisplayName("the workers of a ForkJoinPool are one to a CPU, and a parallelism above that is refused")
        void forkJoin() throws Exception {
            PinnedThreadFactory factory = daemons("fjp-%d").build();
            ForkJoinPool pool = new ForkJoinPool(allowed.size(), factory.forkJoin(), null, true);
            CyclicBarrier all = new CyclicBarrier(allowed.size());
            assertThat(everyWorker(pool, all)).hasSize(allowed.size());
            assertThat(factory.states()).hasSize(allowed.size()).allMatch(ThreadState::pinned);
            end(pool);
            Bounded.until("the CPUs are free", () -> factory.states().isEmpty());

            ForkJoinPool larger = new ForkJoinPool(allowed.size() + 1, factory.forkJoin(), null, true);
            assertThatThrownBy(() -> larger.submit(() -> {}))
                    .isInstanceOf(RejectedExecutionException.class)
                    .hasMessageContaining("parallelism " + allowed.size());
            larger.shutdownNow();
            if (FORGETS_REFUSED_WORKERS) {
                end(larger);
            }

            ForkJoinPool shared = new ForkJoinPool(
                    allowed.size() + 1,
                    daemons("fjp-%d").whenFull(WhenFull.WRAP_ROUND).build().forkJoin(),
                    null,
                    true);
            assertThat(shared.submit(() -> Affinity.get().size()).get(Bounded.SECONDS, TimeUnit.SECONDS))
                    .isEqualTo(1);
            end(shared);
        }

        @Test
        @DisplayName("a pool of threads for each task, which starts threads in another way, has pinned ones too")
        void threadForEachTask() throws Exception {
            Machine.skipUnless(Runtime.version().feature() >= 21, "newThreadPerTaskExecutor came with Java 21");
            PinnedThreadFactory factory = daemons("each-%d").cpus(one).build();
            ExecutorService pool = (ExecutorService) Executors.class
                    .getMethod("newThreadPerTaskExecutor", ThreadFactory.class)
                    .invoke(null, factory);
            assertThat(pool.submit(() -> Affinity.get()).get(Bounded.SECONDS, TimeUnit.SECONDS))
                    .isEqualTo(one);
            end(pool);
        }
    }

    @Nested
    @DisplayName("bad input:")
    class BadInput {
        @Test
        @DisplayName("CPUs that are not there, twice in the list, or none")
        void cpus() {
            Cpu cpu = CpuTopology.system().cpu(allowed.first());
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> daemons("x").cpus(List.of(cpu, cpu)))
                    .withMessageContaining("CPU " + cpu.id() + " twice");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> daemons("x").cpus(CpuSet.of(100_000)).build())
                    .withMessageContaining("CPU 100000 is not present");
            assertThatIllegalArgumentException().isThrownBy(() -> daemons("x").cpus(List.of()));
            assertThatIllegalArgumentException().isThrownBy(() -> daemons("x").cpus(CpuSet.empty()));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> daemons("x").select("nonsense").build());
            assertThatIllegalArgumentException().isThrownBy(() -> daemons("x").limit(0));
        }

        @Test
        @DisplayName("an empty name and an unknown letter behind a percent sign")
        void names() {
            assertThatIllegalArgumentException().isThrownBy(() -> PinnedThreadFactory.builder(""));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PinnedThreadFactory.builder("io-%s"))
                    .withMessageContaining("\"io-%s\"")
                    .withMessageContaining("position 3");
            assertThatIllegalArgumentException().isThrownBy(() -> PinnedThreadFactory.builder("100%"));
        }

        @Test
        @DisplayName("a null task is a NullPointerException and takes no CPU")
        @SuppressWarnings("NullAway") // the point of the test
        void nullTask() {
            PinnedThreadFactory factory = daemons("x").cpus(one).build();
            assertThatThrownBy(() -> factory.newThread(null)).isInstanceOf(NullPointerException.class);
            assertThat(startAndKeep(factory, 1)).hasSize(1);
        }

        @Test
        @DisplayName("a thread that cannot be pinned under BEST_EFFORT runs and shows it")
        void bestEffort() {
            PinnedThreadFactory factory =
                    daemons("x").cpus(one).pinPolicy(PinPolicy.BEST_EFFORT).build();
            startAndKeep(factory, 1);
            assertThat(factory.states()).allMatch(state -> state.pinPolicy() == PinPolicy.BEST_EFFORT);
        }
    }
}
