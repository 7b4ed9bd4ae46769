// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.thread.Pri;

/** As {@link Scenarios}, of locks, sleeps and threads. */
@SuppressWarnings({"LockNotBeforeTry", "NonAtomicVolatileUpdate"}) // what throws ends the schedule
public final class LockScenarios {
    private static final int ROUNDS = 3;
    private static final long LONGEST = 1000;
    private static final int JOINED = Kthread.KTHREAD_MUSTJOIN;

    // Volatile, so that a scheduler can come between the look and the store of a thread that is not alone.
    private volatile int guarded;

    /** For the scheduler, which makes one for each schedule. */
    public LockScenarios() {}

    private static Kthread kthread(Kernel kernel, int flags, Kthread.Function<Kernel> function) {
        return Kthread.create(
                kernel, Pri.PRI_NONE, JOINED | Kthread.KTHREAD_IDLE | flags, null, function, kernel, "kt");
    }

    /** Two kthreads and the calling thread at the same work, until all three have done it. */
    private static void three(Kernel kernel, int flags, Kthread.Function<Kernel> function) {
        Kthread first = kthread(kernel, flags, function);
        Kthread second = kthread(kernel, flags, function);
        first.start();
        second.start();
        try {
            function.run(kernel);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
        first.join();
        second.join();
    }

    /**
     * mutex(9), adaptive: handed over between three threads, of which one has a level.
     *
     * @throws InterruptedException never
     */
    public void mutex() throws InterruptedException {
        handsOver(Mutex.netbsd("adaptive", Ipl.NONE));
    }

    /**
     * mutex(9), spin: it raises the level of its holder.
     *
     * @throws InterruptedException never
     */
    public void spinMutex() throws InterruptedException {
        handsOver(Mutex.netbsd("spin", Ipl.VM));
    }

    private void handsOver(Mutex mutex) throws InterruptedException {
        Stage.play(kernel -> {
            guarded = 0;
            three(kernel, Kthread.KTHREAD_MPSAFE, none -> {
                for (int i = 0; i < ROUNDS; i++) {
                    mutex.lock();
                    int seen = guarded;
                    Thread.onSpinWait();
                    guarded = seen + 1;
                    mutex.unlock();
                }
            });
            Stage.mustHaveRun(3 * ROUNDS, guarded, "what a mutex guards");
        });
    }

    /**
     * The kernel lock: kthreads that run under it, sleep, offer it and come back.
     *
     * @throws InterruptedException never
     */
    public void kernelLock() throws InterruptedException {
        Stage.play(kernel -> {
            guarded = 0;
            three(kernel, 0, here -> {
                here.lock().lock();
                int seen = guarded;
                Thread.onSpinWait();
                guarded = seen + 1;
                here.lock().offer();
                guarded++;
                here.lock().unlock();
            });
            Stage.mustHaveRun(6, guarded, "what the kernel lock guards");
        });
    }

    /**
     * tsleep(9) and wakeup(9) under the kernel lock: a thread that has found nothing sleeps, and what comes then wakes
     * it.
     *
     * @throws InterruptedException never
     */
    public void tsleep() throws InterruptedException {
        Stage.play(kernel -> {
            guarded = 0;
            AtomicInteger got = new AtomicInteger();
            Kthread.Function<Kernel> taker = here -> {
                for (int i = 0; i < ROUNDS; i++) {
                    while (guarded == 0) {
                        Stage.mustBe(0, here.sleepq().tsleep(this, "tokens", 0), "result of tsleep");
                    }
                    guarded--;
                    got.incrementAndGet();
                }
            };
            Kthread first = kthread(kernel, 0, taker);
            Kthread second = kthread(kernel, 0, taker);
            first.start();
            second.start();
            for (int i = 0; i < 2 * ROUNDS; i++) {
                kernel.lock().lock();
                guarded++;
                kernel.sleepq().wakeupOne(this);
                kernel.lock().unlock();
            }
            first.join();
            second.join();
            Stage.mustHaveRun(2 * ROUNDS, got, "tokens");
        });
    }

    /**
     * Condition variables with a mutex as the interlock, some of the waits with a time: a wake-up that meets the end of
     * the time is not lost.
     *
     * @throws InterruptedException never
     */
    public void condvar() throws InterruptedException {
        Stage.play(kernel -> {
            guarded = 0;
            Mutex mutex = Mutex.netbsd("interlock", Ipl.VM);
            Condvar tokens = new Condvar(kernel, "tokens");
            AtomicInteger got = new AtomicInteger();
            // From at once to a time in which the other thread comes a long way.
            long hurry = 1 + Math.floorMod(Long.getLong(Stage.SEED, 0), LONGEST) * LONGEST;
            Kthread patient = kthread(kernel, Kthread.KTHREAD_MPSAFE, here -> {
                mutex.lock();
                while (got.get() < ROUNDS) {
                    if (guarded > 0) {
                        guarded--;
                        got.incrementAndGet();
                    } else {
                        tokens.await(mutex);
                    }
                }
                mutex.unlock();
            });
            Kthread hasty = kthread(kernel, Kthread.KTHREAD_MPSAFE, here -> {
                for (int i = 0; i < ROUNDS; i++) {
                    mutex.lock();
                    // If it says that nobody woke it, the wake-up must have gone to the other one.
                    if ((guarded > 0 || tokens.await(mutex, hurry, TimeUnit.NANOSECONDS)) && guarded > 0) {
                        guarded--;
                        got.incrementAndGet();
                    }
                    mutex.unlock();
                }
            });
            patient.start();
            hasty.start();
            for (int i = 0; i < ROUNDS; i++) {
                mutex.lock();
                guarded++;
                tokens.signal();
                mutex.unlock();
            }
            hasty.join();
            mutex.lock();
            if (guarded == 0) {
                // Otherwise the patient one is awake, or was woken for the tokens that are left.
                tokens.broadcast();
            }
            mutex.unlock();
            patient.join();
            Stage.mustHaveRun(ROUNDS, got, "tokens");
        });
    }

    /**
     * kthread(9): a thread that ends while two wait for it, and one that is never started.
     *
     * @throws InterruptedException never
     */
    public void kthread() throws InterruptedException {
        Stage.play(kernel -> {
            AtomicInteger ran = new AtomicInteger();
            Kthread runs = kthread(kernel, Kthread.KTHREAD_MPSAFE, here -> ran.incrementAndGet());
            Kthread never = kthread(kernel, Kthread.KTHREAD_MPSAFE, here -> ran.incrementAndGet());
            Stage.both(runs::start, never::destroy);
            runs.join();
            Stage.mustHaveRun(1, ran, "a kthread");
        });
    }
}
