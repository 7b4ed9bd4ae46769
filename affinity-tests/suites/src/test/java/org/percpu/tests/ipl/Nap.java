// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Condvar;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.Lwp;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.thread.Pri;

/** The sleeps of the library, and how a handler ends each. */
@SuppressWarnings("LockNotBeforeTry") // who fails here fails the test
enum Nap {
    TSLEEP {
        @Override
        void in(Scene scene) {
            scene.handler = () -> scene.kernel.sleepq().wakeup(scene.ident);
            scene.sleep = () -> assertThat(scene.kernel.sleepq().tsleep(scene.ident, "biowait", 0))
                    .isZero();
        }
    },
    TSLEEP_UNDER_THE_KERNEL_LOCK {
        @Override
        void in(Scene scene) {
            scene.handler = () -> scene.kernel.sleepq().wakeup(scene.ident);
            scene.sleep = () -> {
                scene.kernel.lock().lock();
                assertThat(scene.kernel.sleepq().tsleep(scene.ident, "biowait", 0))
                        .isZero();
                assertThat(scene.kernel.lock().holds()).isEqualTo(1);
                scene.kernel.lock().unlock();
            };
        }
    },
    MTSLEEP_WITH_A_SPIN_MUTEX {
        @Override
        void in(Scene scene) {
            Mutex mutex = Mutex.netbsd("bio", Ipl.VM);
            scene.handler = () -> scene.kernel.sleepq().wakeupOne(scene.ident);
            scene.sleep = () -> {
                mutex.lock();
                assertThat(scene.kernel.sleepq().mtsleep(scene.ident, "biowait", 0, mutex, true))
                        .isZero();
                assertThat(mutex.isHeldByCurrentThread()).isTrue();
                assertThat(Spl.current().level()).isEqualTo(Ipl.VM);
                mutex.unlock();
            };
        }
    },
    CONDVAR {
        @Override
        void in(Scene scene) {
            Mutex mutex = Mutex.netbsd("bio", Ipl.NONE);
            Condvar done = new Condvar(scene.kernel, "biowait");
            scene.handler = done::signal;
            scene.sleep = () -> {
                mutex.lock();
                done.await(mutex);
                assertThat(mutex.isHeldByCurrentThread()).isTrue();
                mutex.unlock();
            };
        }
    },
    TIMED_CONDVAR {
        @Override
        void in(Scene scene) {
            Mutex mutex = Mutex.netbsd("bio", Ipl.VM);
            Condvar done = new Condvar(scene.kernel, "biowait");
            scene.handler = done::broadcast;
            scene.sleep = () -> {
                mutex.lock();
                assertThat(done.await(mutex, 1, TimeUnit.DAYS)).isTrue();
                mutex.unlock();
            };
        }
    },
    WAIT_FOR {
        @Override
        void in(Scene scene) {
            Workqueue<Work> queue = Workqueue.create(
                    scene.kernel, "bio", (work, arg) -> scene.passGate(), null, Pri.PRI_NONE, Ipl.NONE, 0);
            Work work = new Work();
            scene.sleep = () -> {
                queue.enqueue(work, null);
                queue.waitFor(work);
                queue.destroy();
            };
        }
    },
    BARRIER {
        @Override
        void in(Scene scene) {
            Taskq queue = Taskq.create(scene.kernel, "bio", 1, Ipl.NONE, 0);
            Task task = Task.initializer(arg -> scene.passGate(), null);
            scene.sleep = () -> {
                assertThat(queue.add(task)).isTrue();
                queue.barrier();
                queue.destroy();
            };
        }
    },
    DESTROY {
        @Override
        void in(Scene scene) {
            Taskq queue = Taskq.create(scene.kernel, "bio", 1, Ipl.NONE, 0);
            Task task = Task.initializer(arg -> scene.passGate(), null);
            scene.sleep = () -> {
                assertThat(queue.add(task)).isTrue();
                queue.destroy();
            };
        }
    },
    JOIN {
        @Override
        void in(Scene scene) {
            Kthread thread = Kthread.create(
                    scene.kernel,
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN,
                    null,
                    arg -> {
                        scene.passGate();
                        throw Kthread.exit(0);
                    },
                    null,
                    "bio");
            scene.sleep = thread::join;
        }
    },
    THREADS_END {
        @Override
        void in(Scene scene) {
            Kthread thread = Kthread.create(
                    scene.kernel,
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_MPSAFE,
                    null,
                    arg -> {
                        scene.passGate();
                        throw Kthread.exit(0);
                    },
                    null,
                    "bio");
            Lwp lwp = (Lwp) scene.kernel.lwps().stream()
                    .filter(one -> one.name().equals(thread.name()))
                    .findAny()
                    .orElseThrow();
            scene.sleep = () -> assertThat(lwp.awaitGone(Deadline.after(Duration.ofDays(1))))
                    .isTrue();
        }
    },
    ADAPTIVE_MUTEX {
        @Override
        void in(Scene scene) {
            scene.locking(Mutex.netbsd("bio", Ipl.NONE));
        }
    },
    SPIN_MUTEX_BELOW_THE_LINE {
        @Override
        void in(Scene scene) {
            scene.ipl = Ipl.AUDIO;
            scene.locking(Mutex.netbsd("bio", Ipl.VM));
        }
    },
    MUTEX_WITH_A_TIME {
        @Override
        void in(Scene scene) {
            Mutex mutex = Mutex.netbsd("bio", Ipl.NONE);
            scene.sleep = () -> {
                try {
                    assertThat(mutex.tryLock(1, TimeUnit.DAYS)).isTrue();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                mutex.unlock();
            };
            scene.holding(mutex::lock, mutex::unlock);
        }
    },
    KERNEL_LOCK {
        @Override
        void in(Scene scene) {
            scene.sleep = () -> {
                scene.kernel.lock().lock();
                scene.kernel.lock().unlock();
            };
            scene.holding(scene.kernel.lock()::lock, scene.kernel.lock()::unlock);
        }
    },
    INTERLOCK_BEHIND_A_SLEEP {
        @Override
        void in(Scene scene) {
            Mutex mutex = Mutex.netbsd("bio", Ipl.NONE);
            Condvar done = new Condvar(scene.kernel, "biowait");
            FutureTask<Boolean> holder = Bounded.startCode("holder", () -> {
                Bounded.until("it sleeps", done::hasWaiters);
                mutex.lock();
                done.signal();
                scene.passGate();
                mutex.unlock();
            });
            scene.sleep = () -> {
                mutex.lock();
                done.await(mutex);
                mutex.unlock();
                Bounded.join(holder);
            };
            scene.asleep =
                    thread -> String.valueOf(LockSupport.getBlocker(thread)).contains("mutex bio");
        }
    };

    abstract void in(Scene scene);
}
