// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** What {@link LinuxCalls} promises, function by function, whichever backend answers. */
@Timeout(60)
abstract class LinuxCallsContract {
    /** Above the largest {@code pid_max}, so never a thread. */
    private static final int NO_SUCH_TID = Integer.MAX_VALUE;

    private static final int EPERM = -Errno.EPERM.number();
    private static final int ESRCH = -Errno.ESRCH.number();
    private static final int EAGAIN = -Errno.EAGAIN.number();
    private static final int EACCES = -Errno.EACCES.number();
    private static final int EFAULT = -Errno.EFAULT.number();
    private static final int EINTR = -Errno.EINTR.number();
    private static final int EINVAL = -Errno.EINVAL.number();
    private static final int ERANGE = -Errno.ERANGE.number();
    private static final int ETIMEDOUT = -Errno.ETIMEDOUT.number();

    /** As sigqueue sends it. */
    private static final int SI_QUEUE = -1;

    /** As a timer sends it. */
    private static final int SI_TIMER = -2;

    /** As pthread_kill sends it: glibc turns the kernel's SI_TKILL into SI_USER, musl does not. */
    private static final int[] SENT_BY_PTHREAD_KILL = {0, -6};

    private static final int SIGTERM = 15;

    private static final long MILLISECOND = 1_000_000;

    private static final int CACHE_LINE = 64;

    private final LinuxCalls linux = linux();

    /** The backend under test. */
    abstract LinuxCalls linux();

    private BitSet allowed() {
        long[] mask = new long[1024];
        assertThat(linux.sched_getaffinity(0, mask)).isZero();
        return BitSet.valueOf(mask);
    }

    private static long[] maskOf(int words, int... cpus) {
        long[] mask = new long[words];
        for (int cpu : cpus) {
            mask[cpu / 64] |= 1L << (cpu % 64);
        }
        return mask;
    }

    @FunctionalInterface
    private interface WithSignal {
        void run(long set) throws Exception;
    }

    /**
     * Runs code with a signal blocked and takes back what is still pending then. A signal left behind would end the process:
     * HotSpot restores a thread's first mask when the thread ends.
     */
    private void blocked(int signal, WithSignal code) throws Exception {
        long set = 1L << (signal - 1);
        assertThat(linux.pthread_sigmask(LinuxCalls.SIG_BLOCK, new long[] {set}, null))
                .isZero();
        try {
            code.run(set);
        } finally {
            int left = 0;
            while (left < 64 && linux.sigtimedwait(set, null, 0) == signal) {
                left++;
            }
        }
    }

    // ---- identity

    @Test
    void processIdIsTheOneJavaKnows() {
        assertThat(linux.getpid()).isEqualTo((int) ProcessHandle.current().pid());
    }

    @Test
    void threadIdNamesTheCallingThreadInProc() throws Exception {
        int mine = linux.gettid();
        assertThat(linux.gettid()).isEqualTo(mine);
        OwnThread.run(() -> {
            int tid = linux.gettid();
            assertThat(tid).isNotEqualTo(mine);
            assertThat(KernelView.exists(tid)).isTrue();
            assertThat(KernelView.status(tid, "Tgid")).isEqualTo(Integer.toString(linux.getpid()));
        });
    }

    @Test
    void effectiveUserIsTheKernels() throws IOException {
        String[] uids = KernelView.status(linux.gettid(), "Uid").split("\\s+", -1);
        assertThat(linux.geteuid()).isEqualTo(Integer.parseInt(uids[1]));
    }

    @Test
    void pthreadSelfIsTheSameOnOneThreadAndDiffersFromAnotherLivingOne() throws Exception {
        long mine = linux.pthread_self();
        assertThat(linux.pthread_self()).isEqualTo(mine).isNotZero();
        assertThat(OwnThread.<Long>call(linux::pthread_self)).isNotEqualTo(mine);
    }

    // ---- CPU affinity

    @Test
    void currentCpuIsAnAllowedOne() {
        assertThat(allowed().get(linux.sched_getcpu())).isTrue();
    }

    @Test
    void threadRunsOnTheCpuItIsGivenAndTheKernelSaysSo() throws Exception {
        int[] cpus = allowed().stream().toArray();
        OwnThread.run(() -> {
            for (int cpu : cpus) {
                assertThat(linux.sched_setaffinity(0, maskOf(cpu / 64 + 1, cpu)))
                        .isZero();
                assertThat(linux.sched_getcpu()).isEqualTo(cpu);
                assertThat(KernelView.status(linux.gettid(), "Cpus_allowed_list"))
                        .isEqualTo(Integer.toString(cpu));
                assertThat(allowed()).isEqualTo(BitSet.valueOf(maskOf(1024, cpu)));
            }
        });
    }

    @Test
    void anotherThreadIsPinnedByItsId() throws Exception {
        int cpu = allowed().length() - 1;
        CompletableFuture<Integer> tid = new CompletableFuture<>();
        CompletableFuture<Boolean> pinned = new CompletableFuture<>();
        FutureTask<Integer> other = OwnThread.start(() -> {
            tid.complete(linux.gettid());
            pinned.get(20, TimeUnit.SECONDS);
            return linux.sched_getcpu();
        });
        int target = tid.get(20, TimeUnit.SECONDS);
        BitSet before = allowed();
        assertThat(linux.sched_setaffinity(target, maskOf(16, cpu))).isZero();
        long[] mask = new long[1024];
        assertThat(linux.sched_getaffinity(target, mask)).isZero();
        assertThat(BitSet.valueOf(mask).toString()).isEqualTo("{" + cpu + "}");
        assertThat(allowed()).as("the caller's own mask").isEqualTo(before);
        pinned.complete(true);
        assertThat(OwnThread.join(other)).isEqualTo(cpu);
    }

    @Test
    void maskWithoutAnAllowedCpuIsInvalidAndChangesNothing() throws Exception {
        OwnThread.run(() -> {
            BitSet before = allowed();
            assertThat(linux.sched_setaffinity(0, maskOf(1024, 65_535))).isEqualTo(EINVAL);
            assertThat(linux.sched_setaffinity(0, new long[16])).isEqualTo(EINVAL);
            assertThat(linux.sched_setaffinity(0, new long[0])).isEqualTo(EINVAL);
            assertThat(allowed()).isEqualTo(before);
        });
    }

    @Test
    void masksBeyond1024CpusAreTakenAndNarrowedToWhatIsAllowed() throws Exception {
        int cpu = allowed().nextSetBit(0);
        OwnThread.run(() -> {
            for (int words : new int[] {64, 1024}) {
                assertThat(linux.sched_setaffinity(0, maskOf(words, cpu, words * 64 - 1)))
                        .isZero();
                assertThat(allowed().toString()).isEqualTo("{" + cpu + "}");
            }
        });
    }

    @Test
    void maskIsClearedBehindWhatTheKernelWrites() {
        for (int words : new int[] {64, 1024}) {
            long[] mask = new long[words];
            Arrays.fill(mask, -1L);
            assertThat(linux.sched_getaffinity(0, mask)).isZero();
            assertThat(BitSet.valueOf(mask)).isEqualTo(allowed());
        }
    }

    @Test
    void maskSmallerThanTheKernelsIsInvalidAndLeftAlone() {
        assertThat(linux.sched_getaffinity(0, new long[0])).isEqualTo(EINVAL);
    }

    @Test
    void unknownThreadIsNotFoundAndTheMaskStaysAsItWas() {
        long[] mask = {0x5A5A};
        assertThat(linux.sched_getaffinity(NO_SUCH_TID, mask)).isEqualTo(ESRCH);
        assertThat(mask).containsExactly(0x5A5A);
        assertThat(linux.sched_setaffinity(NO_SUCH_TID, maskOf(16, 0))).isEqualTo(ESRCH);
    }

    // ---- scheduling

    @Test
    void newThreadIsTimeSharingWithoutRealTimePriority() throws Exception {
        OwnThread.run(() -> {
            assertThat(linux.sched_getscheduler(0)).isEqualTo(LinuxCalls.SCHED_OTHER);
            assertThat(linux.sched_getparam(0)).isZero();
            int[] both = {-1, -1};
            assertThat(linux.pthread_getschedparam(linux.pthread_self(), both)).isZero();
            assertThat(both).containsExactly(LinuxCalls.SCHED_OTHER, 0);
        });
    }

    @Test
    void policyThatNeedsNoPrivilegeIsTakenAndTheKernelSaysSo() throws Exception {
        OwnThread.run(() -> {
            long self = linux.pthread_self();
            int tid = linux.gettid();
            assertThat(linux.pthread_setschedparam(self, LinuxCalls.SCHED_BATCH, 0))
                    .isZero();
            assertThat(linux.sched_getscheduler(0)).isEqualTo(LinuxCalls.SCHED_BATCH);
            assertThat(linux.sched_getscheduler(tid)).isEqualTo(LinuxCalls.SCHED_BATCH);
            assertThat(KernelView.policy(tid)).isEqualTo(LinuxCalls.SCHED_BATCH);
        });
    }

    @Test
    void realTimePolicyIsGrantedWithItsPriorityOrDeniedForLackOfPrivilege() throws Exception {
        OwnThread.run(() -> {
            long self = linux.pthread_self();
            int tid = linux.gettid();
            int fifo = LinuxCalls.SCHED_FIFO | LinuxCalls.SCHED_RESET_ON_FORK;
            int result = linux.pthread_setschedparam(self, fifo, 7);
            if (result == 0) {
                assertThat(linux.sched_getscheduler(0)).isEqualTo(fifo);
                assertThat(linux.sched_getparam(tid)).isEqualTo(7);
                int[] both = new int[2];
                assertThat(linux.pthread_getschedparam(self, both)).isZero();
                assertThat(both[0] & ~LinuxCalls.SCHED_RESET_ON_FORK).isEqualTo(LinuxCalls.SCHED_FIFO);
                assertThat(both[1]).isEqualTo(7);
                assertThat(KernelView.policy(tid)).isEqualTo(LinuxCalls.SCHED_FIFO);
                assertThat(KernelView.realTimePriority(tid)).isEqualTo(7);
            } else {
                assertThat(result).isEqualTo(EPERM);
                assertThat(linux.sched_getscheduler(0)).isEqualTo(LinuxCalls.SCHED_OTHER);
            }
        });
    }

    @Test
    void priorityOutsideThePolicysRangeIsInvalid() throws Exception {
        OwnThread.run(() -> {
            long self = linux.pthread_self();
            assertThat(linux.pthread_setschedparam(self, LinuxCalls.SCHED_FIFO, 200))
                    .isEqualTo(EINVAL);
            assertThat(linux.pthread_setschedparam(self, LinuxCalls.SCHED_RR, -1))
                    .isEqualTo(EINVAL);
            assertThat(linux.pthread_setschedparam(self, LinuxCalls.SCHED_OTHER, 1))
                    .isEqualTo(EINVAL);
            assertThat(linux.pthread_setschedparam(self, 77, 0)).isEqualTo(EINVAL);
            assertThat(KernelView.policy(linux.gettid())).isEqualTo(LinuxCalls.SCHED_OTHER);
        });
    }

    @Test
    void rangesArePerPolicyAndAnUnknownPolicyIsInvalid() {
        for (int policy : new int[] {LinuxCalls.SCHED_FIFO, LinuxCalls.SCHED_RR}) {
            assertThat(linux.sched_get_priority_min(policy)).isEqualTo(1);
            assertThat(linux.sched_get_priority_max(policy)).isEqualTo(99);
        }
        for (int policy : new int[] {LinuxCalls.SCHED_OTHER, LinuxCalls.SCHED_BATCH, LinuxCalls.SCHED_IDLE}) {
            assertThat(linux.sched_get_priority_min(policy)).isZero();
            assertThat(linux.sched_get_priority_max(policy)).isZero();
        }
        assertThat(linux.sched_get_priority_min(77)).isEqualTo(EINVAL);
        assertThat(linux.sched_get_priority_max(77)).isEqualTo(EINVAL);
    }

    @Test
    void unknownThreadHasNoPolicyPriorityOrNiceValue() {
        assertThat(linux.sched_getscheduler(NO_SUCH_TID)).isEqualTo(ESRCH);
        assertThat(linux.sched_getparam(NO_SUCH_TID)).isEqualTo(ESRCH);
        assertThat(linux.getpriority(LinuxCalls.PRIO_PROCESS, NO_SUCH_TID)).isEqualTo(ESRCH);
        assertThat(linux.setpriority(LinuxCalls.PRIO_PROCESS, NO_SUCH_TID, 5)).isEqualTo(ESRCH);
    }

    @Test
    void negativeThreadIsInvalid() {
        assertThat(linux.sched_getscheduler(-1)).isEqualTo(EINVAL);
        assertThat(linux.sched_getparam(-1)).isEqualTo(EINVAL);
    }

    @Test
    void niceValueBelongsToOneThreadAndReadsBackAs20MinusNice() throws Exception {
        int mine = linux.getpriority(LinuxCalls.PRIO_PROCESS, 0);
        assertThat(mine).isEqualTo(20 - KernelView.nice(linux.gettid()));
        OwnThread.run(() -> {
            int tid = linux.gettid();
            for (int nice : new int[] {18, 19}) {
                assertThat(linux.setpriority(LinuxCalls.PRIO_PROCESS, 0, nice)).isZero();
                assertThat(KernelView.nice(tid)).isEqualTo(nice);
                assertThat(linux.getpriority(LinuxCalls.PRIO_PROCESS, 0)).isEqualTo(20 - nice);
                assertThat(linux.getpriority(LinuxCalls.PRIO_PROCESS, tid)).isEqualTo(20 - nice);
            }
            assertThat(linux.setpriority(LinuxCalls.PRIO_PROCESS, tid, 100)).isZero();
            assertThat(KernelView.nice(tid)).as("clamped").isEqualTo(19);
        });
        assertThat(linux.getpriority(LinuxCalls.PRIO_PROCESS, 0)).isEqualTo(mine);
    }

    @Test
    void negativeNiceValueIsGrantedAndReadBackOrDenied() throws Exception {
        OwnThread.run(() -> {
            int before = KernelView.nice(linux.gettid());
            int result = linux.setpriority(LinuxCalls.PRIO_PROCESS, 0, -20);
            if (result == 0) {
                assertThat(linux.getpriority(LinuxCalls.PRIO_PROCESS, 0)).isEqualTo(40);
            } else {
                assertThat(result).isEqualTo(EACCES);
                assertThat(KernelView.nice(linux.gettid())).isEqualTo(before);
            }
        });
    }

    @Test
    void niceValueOfAnUnknownKindIsInvalid() {
        assertThat(linux.getpriority(99, 0)).isEqualTo(EINVAL);
        assertThat(linux.setpriority(99, 0, 5)).isEqualTo(EINVAL);
    }

    @Test
    void yieldSucceeds() {
        assertThat(linux.sched_yield()).isZero();
    }

    // ---- names

    private String nameOfSelf(int size) {
        byte[] name = new byte[size];
        Arrays.fill(name, (byte) 'x');
        assertThat(linux.pthread_getname_np(linux.pthread_self(), name)).isZero();
        int length = 0;
        while (name[length] != 0) {
            length++;
        }
        return new String(name, 0, length, StandardCharsets.UTF_8);
    }

    @Test
    void nameReadsBackAndIsWhatTheKernelShows() throws Exception {
        OwnThread.run(() -> {
            for (String name : List.of("wq/0", "fünfzehn bytes", "", "123456789012345")) {
                assertThat(linux.pthread_setname_np(linux.pthread_self(), name)).isZero();
                assertThat(nameOfSelf(16)).isEqualTo(name);
                assertThat(nameOfSelf(4096)).isEqualTo(name);
                assertThat(KernelView.comm(linux.gettid())).isEqualTo(name);
            }
        });
    }

    @Test
    void nameOf16BytesIsOutOfRangeHoweverManyCharactersAndChangesNothing() throws Exception {
        OwnThread.run(() -> {
            long self = linux.pthread_self();
            assertThat(linux.pthread_setname_np(self, "before")).isZero();
            assertThat(linux.pthread_setname_np(self, "1234567890123456")).isEqualTo(ERANGE);
            assertThat(linux.pthread_setname_np(self, "ääääääää")).isEqualTo(ERANGE);
            assertThat(linux.pthread_setname_np(self, "n".repeat(100_000))).isEqualTo(ERANGE);
            assertThat(nameOfSelf(16)).isEqualTo("before");
        });
    }

    @Test
    void arrayOfLessThan16BytesIsOutOfRange() {
        assertThat(linux.pthread_getname_np(linux.pthread_self(), new byte[15])).isEqualTo(ERANGE);
    }

    // ---- signals

    @Test
    void realTimeSignalsLieAboveTheLibrarysOwnAndEndAt64() {
        assertThat(linux.__libc_current_sigrtmin()).isGreaterThan(32).isLessThan(64);
        assertThat(linux.__libc_current_sigrtmax()).isEqualTo(64);
    }

    @Test
    void maskIsAddedToTakenFromReplacedAndReadAndTheKernelAgrees() throws Exception {
        OwnThread.run(() -> {
            int tid = linux.gettid();
            long first = 1L << linux.__libc_current_sigrtmin();
            long last = 1L << 63;
            long[] start = {0};
            assertThat(linux.pthread_sigmask(LinuxCalls.SIG_BLOCK, null, start)).isZero();
            assertThat(KernelView.signalsBlocked(tid)).isEqualTo(start[0]);

            long[] old = {0};
            assertThat(linux.pthread_sigmask(LinuxCalls.SIG_BLOCK, new long[] {first | last}, old))
                    .isZero();
            assertThat(old[0]).isEqualTo(start[0]);
            assertThat(KernelView.signalsBlocked(tid)).isEqualTo(start[0] | first | last);

            assertThat(linux.pthread_sigmask(LinuxCalls.SIG_UNBLOCK, new long[] {last}, old))
                    .isZero();
            assertThat(old[0]).isEqualTo(start[0] | first | last);
            assertThat(KernelView.signalsBlocked(tid)).isEqualTo(start[0] | first);

            assertThat(linux.pthread_sigmask(LinuxCalls.SIG_SETMASK, start, null))
                    .isZero();
            assertThat(KernelView.signalsBlocked(tid)).isEqualTo(start[0]);
            assertThat(linux.pthread_sigmask(LinuxCalls.SIG_SETMASK, null, null))
                    .isZero();
            assertThat(KernelView.signalsBlocked(tid)).isEqualTo(start[0]);
        });
    }

    @Test
    void unknownWayToChangeTheMaskIsInvalidAndTellsNothing() throws Exception {
        OwnThread.run(() -> {
            long[] old = {0x5A5A};
            assertThat(linux.pthread_sigmask(99, new long[] {0}, old)).isEqualTo(EINVAL);
            assertThat(old).containsExactly(0x5A5A);
        });
    }

    @Test
    void blockedSignalIsPendingUntilItIsAccepted() throws Exception {
        int signal = linux.__libc_current_sigrtmin() + 1;
        OwnThread.run(() -> blocked(signal, set -> {
            long[] pending = {-1};
            assertThat(linux.sigpending(pending)).isZero();
            assertThat(pending[0] & set).isZero();

            assertThat(linux.pthread_kill(linux.pthread_self(), signal)).isZero();
            assertThat(linux.sigpending(pending)).isZero();
            assertThat(pending[0] & set).isEqualTo(set);

            long[] valueAndCode = {-1, -1};
            assertThat(linux.sigtimedwait(set, valueAndCode, 0)).isEqualTo(signal);
            assertThat(SENT_BY_PTHREAD_KILL).contains((int) valueAndCode[1]);
            assertThat(linux.sigpending(pending)).isZero();
            assertThat(pending[0] & set).isZero();
        }));
    }

    @Test
    void queuedSignalsArriveInOrderWithTheirValuesInFullWidth() throws Exception {
        int signal = linux.__libc_current_sigrtmin() + 1;
        OwnThread.run(() -> blocked(signal, set -> {
            long[] values = {Long.MIN_VALUE + 3, -1, 0, 0x1234_5678_9ABC_DEF0L};
            for (long value : values) {
                assertThat(linux.pthread_sigqueue(linux.pthread_self(), signal, value))
                        .isZero();
            }
            for (long value : values) {
                long[] valueAndCode = {1, 1};
                assertThat(linux.sigtimedwait(set, valueAndCode, 0)).isEqualTo(signal);
                assertThat(valueAndCode).containsExactly(value, SI_QUEUE);
            }
            assertThat(linux.pthread_sigqueue(linux.pthread_self(), signal, 1)).isZero();
            assertThat(linux.sigtimedwait(set, null, 0)).isEqualTo(signal);
        }));
    }

    @Test
    void waitWithoutTimeoutEndsWithASignalFromAnotherThread() throws Exception {
        int signal = linux.__libc_current_sigrtmax() - 1;
        CompletableFuture<Long> ready = new CompletableFuture<>();
        long[] valueAndCode = {0, 0};
        FutureTask<Boolean> waiter = OwnThread.start(() -> {
            blocked(signal, set -> {
                ready.complete(linux.pthread_self());
                int result;
                do {
                    result = linux.sigtimedwait(set, valueAndCode, LinuxCalls.FOREVER);
                } while (result == EINTR);
                assertThat(result).isEqualTo(signal);
            });
            return true;
        });
        assertThat(linux.pthread_sigqueue(ready.get(20, TimeUnit.SECONDS), signal, 4711))
                .isZero();
        assertThat(OwnThread.join(waiter)).isTrue();
        assertThat(valueAndCode[0]).isEqualTo(4711);
    }

    @Test
    void waitForASignalThatDoesNotComeEndsInTime() throws Exception {
        int signal = linux.__libc_current_sigrtmin() + 1;
        OwnThread.run(() -> blocked(signal, set -> {
            long[] valueAndCode = {0x5A5A, 0x5A5A};
            assertThat(linux.sigtimedwait(set, valueAndCode, 0)).isEqualTo(EAGAIN);
            long start = System.nanoTime();
            assertThat(linux.sigtimedwait(set, valueAndCode, 30 * MILLISECOND)).isEqualTo(EAGAIN);
            assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(30 * MILLISECOND);
            assertThat(valueAndCode).containsExactly(0x5A5A, 0x5A5A);
        }));
    }

    @Test
    void signalZeroOnlyChecksAndSignal99IsInvalid() {
        long self = linux.pthread_self();
        assertThat(linux.pthread_kill(self, 0)).isZero();
        assertThat(linux.pthread_kill(self, 99)).isEqualTo(EINVAL);
        assertThat(linux.pthread_sigqueue(self, 99, 0)).isEqualTo(EINVAL);
        assertThat(linux.sigqueue(linux.getpid(), 0, 0)).isZero();
        assertThat(linux.sigqueue(linux.getpid(), 99, 0)).isEqualTo(EINVAL);
        assertThat(linux.sigqueue(NO_SUCH_TID, 0, 0)).isEqualTo(ESRCH);
    }

    @Test
    void signalQueuedToAnotherProcessReachesIt() throws Exception {
        // Not to this one: any of the JVM's threads might take it, and its default action ends the process.
        Process sleep = new ProcessBuilder("sleep", "60").start();
        try {
            assertThat(linux.sigqueue((int) sleep.pid(), SIGTERM, 7)).isZero();
            assertThat(sleep.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(sleep.exitValue()).isEqualTo(128 + SIGTERM);
        } finally {
            sleep.destroyForcibly();
        }
    }

    // ---- limits and process settings

    private long limit(String name, int column) throws IOException {
        String line = Files.readString(Path.of("/proc/self/limits"))
                .lines()
                .filter(candidate -> candidate.startsWith(name))
                .findFirst()
                .orElseThrow();
        String word = line.substring(name.length()).strip().split("\\s+", -1)[column];
        return word.equals("unlimited") ? LinuxCalls.RLIM_INFINITY : Long.parseLong(word);
    }

    @Test
    void limitsAreTheOnesInProc() throws IOException {
        Object[][] limits = {
            {LinuxCalls.RLIMIT_NPROC, "Max processes"},
            {LinuxCalls.RLIMIT_SIGPENDING, "Max pending signals"},
            {LinuxCalls.RLIMIT_NICE, "Max nice priority"},
            {LinuxCalls.RLIMIT_RTPRIO, "Max realtime priority"},
            {LinuxCalls.RLIMIT_RTTIME, "Max realtime timeout"},
        };
        for (Object[] limit : limits) {
            long[] softAndHard = {-7, -7};
            assertThat(linux.getrlimit((Integer) limit[0], softAndHard)).isZero();
            assertThat(softAndHard)
                    .as((String) limit[1])
                    .containsExactly(limit((String) limit[1], 0), limit((String) limit[1], 1));
        }
    }

    @Test
    void softLimitIsLoweredAndRaisedAgain() throws IOException {
        long[] before = new long[2];
        assertThat(linux.getrlimit(LinuxCalls.RLIMIT_SIGPENDING, before)).isZero();
        long lower = before[0] == LinuxCalls.RLIM_INFINITY ? 1 << 20 : before[0] - 1;
        try {
            assertThat(linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, lower, before[1]))
                    .isZero();
            assertThat(limit("Max pending signals", 0)).isEqualTo(lower);
            assertThat(limit("Max pending signals", 1)).isEqualTo(before[1]);
        } finally {
            assertThat(linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, before[0], before[1]))
                    .isZero();
        }
        assertThat(limit("Max pending signals", 0)).isEqualTo(before[0]);
    }

    @Test
    void softLimitAboveTheHardOneAndAnUnknownResourceAreInvalid() {
        assertThat(linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, 2, 1)).isEqualTo(EINVAL);
        long[] softAndHard = {0x5A5A, 0x5A5A};
        assertThat(linux.getrlimit(99, softAndHard)).isEqualTo(EINVAL);
        assertThat(softAndHard).containsExactly(0x5A5A, 0x5A5A);
    }

    @Test
    void timerSlackOfTheThreadReadsBack() throws Exception {
        OwnThread.run(() -> {
            int before = linux.prctl(LinuxCalls.PR_GET_TIMERSLACK, 0);
            assertThat(before).isPositive();
            assertThat(linux.prctl(LinuxCalls.PR_SET_TIMERSLACK, 1)).isZero();
            assertThat(linux.prctl(LinuxCalls.PR_GET_TIMERSLACK, 0)).isEqualTo(1);
        });
    }

    @Test
    void unknownOptionOfPrctlIsInvalid() {
        assertThat(linux.prctl(99_999, 0)).isEqualTo(EINVAL);
    }

    @Test
    void processorsAreCountedAndAnUnknownNameIsInvalid() {
        long online = linux.sysconf(LinuxCalls.SC_NPROCESSORS_ONLN);
        assertThat(online).isGreaterThanOrEqualTo(allowed().cardinality());
        assertThat(linux.sysconf(LinuxCalls.SC_NPROCESSORS_CONF)).isGreaterThanOrEqualTo(online);
        assertThat(linux.sysconf(99_999)).isEqualTo(EINVAL);
    }

    @Test
    void textOfAnErrorIsTheCLibrarys() {
        assumeTrue(Locales.messagesAreEnglish(), Locales.SKIPPED);
        assertThat(linux.strerror(1)).isEqualTo("Operation not permitted");
        assertThat(linux.strerror(3)).isEqualTo("No such process");
        assertThat(linux.strerror(11)).isEqualTo("Resource temporarily unavailable");
        assertThat(linux.strerror(22)).isEqualTo("Invalid argument");
        assertThat(linux.strerror(34)).isEqualTo("Numerical result out of range");
        assertThat(linux.strerror(110)).isEqualTo("Connection timed out");
        assertThat(linux.strerror(4711)).isEqualTo("Unknown error 4711");
    }

    // ---- waiting on memory

    @Test
    void addressIsThatOfTheFirstByteWhateverThePosition() {
        ByteBuffer buffer = ByteBuffer.allocateDirect(64);
        long address = linux.address(buffer);
        assertThat(address).isNotZero();
        assertThat(linux.address(buffer.position(24))).isEqualTo(address);
        assertThat(linux.address(buffer.slice())).isEqualTo(address + 24);
        assertThat(linux.address(buffer.slice().position(8))).isEqualTo(address + 24);
        assertThat(linux.address(buffer.position(64))).isEqualTo(address);
        assertThat(linux.address(buffer.position(3).limit(5).asReadOnlyBuffer()))
                .isEqualTo(address);
        assertThat(buffer.position()).as("the caller's position").isEqualTo(3);
    }

    @Test
    void bufferOnTheHeapHasNoAddress() {
        assertThatThrownBy(() -> linux.address(ByteBuffer.allocate(8))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void allocatedMemoryIsZeroedStartsAtACacheLineAndIsInTheByteOrderOfTheMachine() {
        for (int bytes : new int[] {1, 64, 200, 4096, 1_000_000}) {
            ByteBuffer memory = linux.allocate(bytes);
            assertThat(memory.isDirect()).isTrue();
            assertThat(memory.position()).isZero();
            assertThat(memory.remaining()).isEqualTo(bytes);
            assertThat(memory.order()).isEqualTo(ByteOrder.nativeOrder());
            assertThat(linux.address(memory) % CACHE_LINE).as("%d bytes", bytes).isZero();
            assertThat(memory.mismatch(ByteBuffer.allocate(bytes)))
                    .as("%d bytes", bytes)
                    .isEqualTo(-1);
        }
    }

    @Test
    void wordsOfAllocatedMemoryAreThatMemory() {
        ByteBuffer memory = linux.allocate(64).putInt(20, -7).putInt(60, 9);
        IntBuffer words = memory.asIntBuffer();
        long address = linux.address(memory);
        assertThat(linux.getInt(words, address, 5)).isEqualTo(-7);
        assertThat(linux.getInt(words, address, 15)).isEqualTo(9);
        linux.putInt(words, address, 0, 0x1122_3344);
        linux.putInt(words, address, 15, 4711);
        assertThat(memory.getInt(0)).isEqualTo(0x1122_3344);
        assertThat(memory.getInt(4)).isZero();
        assertThat(memory.getInt(60)).isEqualTo(4711);
    }

    @Test
    void allocatedMemoryBelongsToNobodyElse() {
        List<ByteBuffer> memories = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            ByteBuffer memory = linux.allocate(72);
            for (int at = 0; at < 72; at++) {
                memory.put(at, (byte) i);
            }
            memories.add(memory);
        }
        for (int i = 0; i < 100; i++) {
            for (int at = 0; at < 72; at++) {
                assertThat(memories.get(i).get(at)).as("%d of memory %d", at, i).isEqualTo((byte) i);
            }
        }
    }

    @Test
    void allocatedMemoryIsNeverFreedAlsoWhenNobodyHasItsBuffer() throws Exception {
        List<Long> addresses = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            addresses.add(linux.address(linux.allocate(4096).putLong(8, 4711 + i)));
        }
        // A buffer of ByteBuffer.allocateDirect is freed by a collection.
        WeakReference<ByteBuffer> unreachable = new WeakReference<>(ByteBuffer.allocateDirect(4096));
        Awaitility.await("collection").atMost(Duration.ofSeconds(20)).until(() -> {
            System.gc();
            return unreachable.refersTo(null);
        });
        for (int i = 0; i < 50; i++) {
            ByteBuffer[] others = {linux.allocate(4096), ByteBuffer.allocateDirect(4096)};
            assertThat(linux.address(others[0])).isNotIn(addresses);
            assertThat(linux.address(others[1])).isNotIn(addresses);
            assertThat(linux.memory(addresses.get(i), 4096).getLong(8)).isEqualTo(4711 + i);
        }
    }

    @Test
    void viewOfMemoryIsThatMemory() {
        ByteBuffer memory = linux.allocate(256).putLong(64, 0x1122_3344_5566_7788L);
        ByteBuffer view = linux.memory(linux.address(memory) + 64, 16);
        assertThat(view.isDirect()).isTrue();
        assertThat(view.remaining()).isEqualTo(16);
        assertThat(view.order()).isEqualTo(ByteOrder.nativeOrder());
        assertThat(linux.address(view)).isEqualTo(linux.address(memory) + 64);
        assertThat(view.getLong(0)).isEqualTo(0x1122_3344_5566_7788L);
        view.putInt(12, -5);
        assertThat(memory.getInt(64 + 12)).isEqualTo(-5);
        assertThat(view.getInt(12)).isEqualTo(-5);
        assertThatThrownBy(() -> view.getLong(9)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void waitDoesNotSleepWhenTheWordDiffers() throws Exception {
        OwnThread.run(() -> {
            ByteBuffer word = Words.of(5);
            assertThat(linux.futex_wait(linux.address(word), 6, LinuxCalls.FOREVER))
                    .isEqualTo(EAGAIN);
        });
    }

    @Test
    void waitThatNobodyEndsTimesOut() throws Exception {
        OwnThread.run(() -> {
            for (int value : new int[] {0, -1, Integer.MIN_VALUE}) {
                ByteBuffer word = Words.of(value);
                long start = System.nanoTime();
                assertThat(linux.futex_wait(linux.address(word), value, 20 * MILLISECOND))
                        .isEqualTo(ETIMEDOUT);
                assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(20 * MILLISECOND);
            }
        });
    }

    @Test
    @DisplayName("a wait until a moment ends at that moment of CLOCK_MONOTONIC, which clock_gettime and nanoTime read")
    void waitUntilAMomentTimesOutThen() throws Exception {
        OwnThread.run(() -> {
            for (int value : new int[] {0, -1, Integer.MIN_VALUE}) {
                ByteBuffer word = Words.of(value);
                long deadline = linux.clock_gettime(LinuxCalls.CLOCK_MONOTONIC) + 20 * MILLISECOND;
                assertThat(linux.futex_wait_until(linux.address(word), value, deadline))
                        .isEqualTo(ETIMEDOUT);
                assertThat(System.nanoTime()).isBetween(deadline, deadline + TimeUnit.SECONDS.toNanos(10));
            }
            assertThat(linux.clock_gettime(LinuxCalls.CLOCK_MONOTONIC)).isNotNegative();
            assertThat(linux.clock_gettime(0)).isEqualTo(EINVAL);
        });
    }

    @Test
    @DisplayName(
            "a wait until a moment that is over, on a word that differs, or until a negative time, returns at once")
    void waitUntilReturnsAtOnce() throws Exception {
        OwnThread.run(() -> {
            long address = linux.address(Words.of(5));
            assertThat(linux.futex_wait_until(address, 5, 1)).isEqualTo(ETIMEDOUT);
            assertThat(linux.futex_wait_until(address, 6, Long.MAX_VALUE)).isEqualTo(EAGAIN);
            assertThat(linux.futex_wait_until(address, 5, -1)).isEqualTo(EINVAL);
            assertThat(linux.futex_wait_until(8, 0, 1)).isEqualTo(EFAULT);
        });
    }

    @Test
    @DisplayName("a wake ends a wait until a moment that is far away")
    void wakeEndsAWaitUntil() throws Exception {
        long address = linux.address(Words.of(0));
        CompletableFuture<Integer> tid = new CompletableFuture<>();
        FutureTask<Integer> sleeper = OwnThread.start(() -> {
            tid.complete(linux.gettid());
            int result;
            do {
                result = linux.futex_wait_until(address, 0, Long.MAX_VALUE);
            } while (result == EINTR);
            return result;
        });
        awaitSleepOn(address, tid.get(20, TimeUnit.SECONDS));
        assertThat(linux.futex_wake(address, 1)).isEqualTo(1);
        assertThat(OwnThread.join(sleeper)).isZero();
    }

    @Test
    void wakeWithoutASleeperWakesNobody() {
        ByteBuffer word = Words.of(0);
        assertThat(linux.futex_wake(linux.address(word), Integer.MAX_VALUE)).isZero();
    }

    @Test
    void wakeEndsAsManyWaitsAsItSays() throws Exception {
        ByteBuffer word = Words.of(0);
        long address = linux.address(word);
        List<CompletableFuture<Integer>> tids = new ArrayList<>();
        List<FutureTask<Integer>> sleepers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            CompletableFuture<Integer> tid = new CompletableFuture<>();
            tids.add(tid);
            sleepers.add(OwnThread.start(() -> {
                tid.complete(linux.gettid());
                int result;
                do {
                    result = linux.futex_wait(address, 0, LinuxCalls.FOREVER);
                } while (result == EINTR);
                return result;
            }));
        }
        for (CompletableFuture<Integer> tid : tids) {
            awaitSleepOn(address, tid.get(20, TimeUnit.SECONDS));
        }
        assertThat(linux.futex_wake(address, 2)).isEqualTo(2);
        assertThat(linux.futex_wake(address, 2)).isEqualTo(1);
        assertThat(linux.futex_wake(address, 2)).isZero();
        for (FutureTask<Integer> sleeper : sleepers) {
            assertThat(OwnThread.join(sleeper)).isZero();
        }
    }

    /** The kernel lists the futex address as the first argument of the call that the thread sleeps in. */
    private void awaitSleepOn(long address, int tid) {
        Awaitility.await("sleep of thread " + tid)
                .atMost(Duration.ofSeconds(20))
                .pollInterval(Duration.ofMillis(1))
                .until(() -> KernelView.systemCall(tid).contains(" 0x" + Long.toHexString(address) + " "));
    }

    @Test
    void pairsOfWaitAndWakeHandOverEveryTurn() throws Exception {
        int turns = 2_000;
        ByteBuffer word = Words.of(0);
        long address = linux.address(word);
        VarHandle ints = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());
        FutureTask<Boolean> even = OwnThread.start(() -> play(word, ints, address, 0, turns));
        FutureTask<Boolean> odd = OwnThread.start(() -> play(word, ints, address, 1, turns));
        assertThat(OwnThread.join(even)).isTrue();
        assertThat(OwnThread.join(odd)).isTrue();
        assertThat((int) ints.getVolatile(word, 0)).isEqualTo(2 * turns);
    }

    /** Waits for each number of its parity, counts on and wakes the other player. */
    private boolean play(ByteBuffer word, VarHandle ints, long address, int parity, int turns) {
        for (int turn = parity; turn < 2 * turns; turn += 2) {
            int seen = (int) ints.getVolatile(word, 0);
            while (seen != turn) {
                assertThat(linux.futex_wait(address, seen, TimeUnit.SECONDS.toNanos(10)))
                        .isIn(0, EAGAIN, EINTR);
                seen = (int) ints.getVolatile(word, 0);
            }
            ints.setVolatile(word, 0, turn + 1);
            assertThat(linux.futex_wake(address, 1)).isBetween(0, 1);
        }
        return true;
    }

    @Test
    void addressThatIsNotMappedFaultsAndOneThatIsNotAlignedIsInvalid() throws Exception {
        OwnThread.run(() -> {
            assertThat(linux.futex_wait(8, 0, MILLISECOND)).isEqualTo(EFAULT);
            assertThat(linux.futex_wait(9, 0, MILLISECOND)).isEqualTo(EINVAL);
            assertThat(linux.futex_wake(9, 1)).isEqualTo(EINVAL);
        });
    }

    // ---- many threads

    @Test
    @DisplayName("each thread sees the error of its own call, under garbage collection and safepoints")
    void eachThreadSeesTheErrorOfItsOwnCall() throws Exception {
        int threads = 4;
        int calls = 5_000;
        CyclicBarrier together = new CyclicBarrier(threads);
        List<FutureTask<Integer>> running = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            boolean odd = i % 2 == 1;
            running.add(OwnThread.start(() -> {
                together.await(20, TimeUnit.SECONDS);
                int wrong = 0;
                for (int n = 0; n < calls; n++) {
                    int result = odd ? linux.sched_getscheduler(NO_SUCH_TID) : linux.sched_get_priority_max(77);
                    wrong += result == (odd ? ESRCH : EINVAL) ? 0 : 1;
                    if (n % 1_000 == 0) {
                        System.gc();
                    }
                    // Sets errno of this thread between two calls: EAGAIN or ETIMEDOUT inside the JVM.
                    LockSupport.parkNanos(1);
                }
                return wrong;
            }));
        }
        for (FutureTask<Integer> thread : running) {
            assertThat(OwnThread.join(thread)).isZero();
        }
    }

    // ---- timers and files

    @Test
    void timerSignalsTheThreadItNamesWithItsValueUntilItIsStopped() throws Exception {
        int signal = linux.__libc_current_sigrtmin() + 1;
        OwnThread.run(() -> blocked(signal, set -> {
            long timer = linux.timer_create(LinuxCalls.CLOCK_MONOTONIC, signal, linux.gettid(), 0x1234_5678_9ABCL);
            assertThat(timer).isNotNegative();
            long[] valueAndCode = {0, 0};
            assertThat(linux.timer_settime(timer, MILLISECOND, 2 * MILLISECOND)).isZero();
            for (int i = 0; i < 3; i++) {
                assertThat(linux.sigtimedwait(set, valueAndCode, 10_000 * MILLISECOND))
                        .isEqualTo(signal);
                assertThat(valueAndCode).containsExactly(0x1234_5678_9ABCL, SI_TIMER);
            }
            assertThat(linux.timer_settime(timer, 0, 0)).isZero();
            while (linux.sigtimedwait(set, null, 0) == signal) {
                Thread.onSpinWait();
            }
            assertThat(linux.sigtimedwait(set, null, 20 * MILLISECOND)).isEqualTo(EAGAIN);
            assertThat(linux.timer_settime(timer, MILLISECOND, 0)).isZero();
            assertThat(linux.sigtimedwait(set, null, 10_000 * MILLISECOND)).isEqualTo(signal);
            assertThat(linux.timer_delete(timer)).isZero();
            assertThat(linux.timer_delete(timer)).isEqualTo(EINVAL);
            assertThat(linux.timer_settime(timer, MILLISECOND, 0)).isEqualTo(EINVAL);
        }));
    }

    @Test
    void timerWithoutAThreadOrWithABadSignalIsInvalid() {
        int signal = linux.__libc_current_sigrtmin() + 1;
        assertThat(linux.timer_create(LinuxCalls.CLOCK_MONOTONIC, signal, NO_SUCH_TID, 0))
                .isEqualTo(EINVAL);
        assertThat(linux.timer_create(LinuxCalls.CLOCK_MONOTONIC, 99, linux.gettid(), 0))
                .isEqualTo(EINVAL);
        assertThat(linux.timer_create(4711, signal, linux.gettid(), 0)).isEqualTo(EINVAL);
    }

    @Test
    void fcntlReadsAndChangesFlagsAndSetsTheOwnerOfSignals() {
        ByteBuffer pair = Words.of(0, 0);
        assertThat((int) cCall("pipe", linux.address(pair), 0)).isZero();
        int reader = pair.getInt(0);
        int writer = pair.getInt(4);
        try {
            int flags = linux.fcntl(reader, LinuxCalls.F_GETFL, 0);
            assertThat(flags).isNotNegative();
            assertThat(linux.fcntl(reader, LinuxCalls.F_SETFL, flags | LinuxCalls.O_NONBLOCK))
                    .isZero();
            assertThat(linux.fcntl(reader, LinuxCalls.F_GETFL, 0)).isEqualTo(flags | LinuxCalls.O_NONBLOCK);
            ByteBuffer owner = Words.of(LinuxCalls.F_OWNER_TID, linux.gettid());
            assertThat(linux.fcntl(reader, LinuxCalls.F_SETOWN_EX, linux.address(owner)))
                    .isZero();
            owner.putInt(4, NO_SUCH_TID);
            assertThat(linux.fcntl(reader, LinuxCalls.F_SETOWN_EX, linux.address(owner)))
                    .isEqualTo(ESRCH);
            assertThat(linux.fcntl(reader, LinuxCalls.F_SETSIG, 99)).isEqualTo(EINVAL);
        } finally {
            assertThat((int) cCall("close", reader, 0)).isZero();
            assertThat((int) cCall("close", writer, 0)).isZero();
        }
        assertThat(linux.fcntl(-1, LinuxCalls.F_GETFL, 0)).isEqualTo(-Errno.EBADF.number());
    }

    @Test
    void fileInMemoryIsInNoFolderHasItsNameAndKeepsWhatIsWritten() throws Exception {
        int fd = linux.memfd_create("percpu-contract", LinuxCalls.MFD_CLOEXEC);
        assertThat(fd).isNotNegative();
        Path path = Path.of("/proc/self/fd/" + fd);
        try {
            assertThat(Files.readSymbolicLink(path)).hasToString("/memfd:percpu-contract (deleted)");
            assertThat(Files.size(path)).isZero();
            Files.writeString(path, "kept");
            assertThat(Files.readString(path)).isEqualTo("kept");
            assertThat(descriptorFlags(fd)).contains("flags:\t02"); // O_CLOEXEC is 02000000, O_RDWR 2
        } finally {
            assertThat(linux.close(fd)).isZero();
        }
        assertThat(Files.exists(path, LinkOption.NOFOLLOW_LINKS)).isFalse();
    }

    @Test
    void fileInMemoryStaysOpenAcrossExecUnlessItIsSaid() throws Exception {
        int fd = linux.memfd_create("percpu-contract", 0);
        try {
            assertThat(descriptorFlags(fd)).contains("flags:\t0100002"); // O_LARGEFILE, O_RDWR
        } finally {
            assertThat(linux.close(fd)).isZero();
        }
    }

    private static String descriptorFlags(int fd) throws IOException {
        return Files.readString(Path.of("/proc/self/fdinfo/" + fd));
    }

    @Test
    void fileInMemoryWithAnUnknownFlagOrTooLongANameIsInvalid() {
        assertThat(linux.memfd_create("percpu-contract", 0x4000_0000 | LinuxCalls.MFD_CLOEXEC))
                .isEqualTo(EINVAL);
        assertThat(linux.memfd_create("x".repeat(300), LinuxCalls.MFD_CLOEXEC)).isEqualTo(EINVAL);
    }

    @Test
    void fileInMemoryThatIsSealedAgainstRunningCannotBeMadeExecutable() throws Exception {
        int fd = linux.memfd_create("percpu-contract", LinuxCalls.MFD_CLOEXEC | LinuxCalls.MFD_NOEXEC_SEAL);
        assumeTrue(fd != EINVAL, "skipped: MFD_NOEXEC_SEAL needs Linux 6.3");
        Path path = Path.of("/proc/self/fd/" + fd);
        try {
            assertThat(Files.isExecutable(path)).isFalse();
            assertThatThrownBy(() -> Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwxrwx")))
                    .isInstanceOf(IOException.class);
        } finally {
            assertThat(linux.close(fd)).isZero();
        }
    }

    @Test
    void membarrierIsThereOnceTheProcessHasRegistered() {
        assertThat(linux.membarrier(LinuxCalls.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
                .isZero();
        assertThat(linux.membarrier(LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED))
                .isZero();
        assertThat(linux.membarrier(1 << 30)).isEqualTo(EINVAL);
    }

    @Test
    void closeEndsAFileOnceAndKnowsNoOther() {
        int fd = linux.memfd_create("percpu-contract", LinuxCalls.MFD_CLOEXEC);
        assertThat(linux.fcntl(fd, LinuxCalls.F_GETFL, 0)).isNotNegative();
        assertThat(linux.close(fd)).isZero();
        // The number may be another file's by now; this one never is.
        assertThat(linux.close(-1)).isEqualTo(-Errno.EBADF.number());
        assertThat(linux.close(Integer.MAX_VALUE)).isEqualTo(-Errno.EBADF.number());
    }

    // ---- other libraries

    private long cCall(String function, long a, long b) {
        long address = linux.dlsym(linux.dlopen(null), function);
        assertThat(address).as(function).isNotZero();
        return linux.call(address, a, b, 0, 0, 0, 0);
    }

    @Test
    void functionOfTheCLibraryIsFoundByNameAndCalledByAddress() {
        assertThat((int) cCall("getpid", 0, 0)).isEqualTo(linux.getpid());
        assertThat(cCall("labs", Long.MIN_VALUE + 1, 0)).isEqualTo(Long.MAX_VALUE);
        assertThat((int) cCall("isdigit", '7', 0)).isNotZero();
        assertThat((int) cCall("isdigit", 'x', 0)).isZero();
    }

    @Test
    void callPassesSixArgumentsInOrder() {
        long process = linux.dlopen(null);
        ByteBuffer text = ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder());
        byte[] word = "percpu".getBytes(StandardCharsets.US_ASCII);
        text.put(32, word);
        long address = linux.address(text);
        assertThat(linux.call(linux.dlsym(process, "memcpy"), address, address + 32, word.length, 7, 8, 9))
                .isEqualTo(address);
        byte[] copy = new byte[word.length];
        text.get(0, copy);
        assertThat(copy).isEqualTo(word);
        // Six parameters; the fifth must be -1 and the sixth 0.
        long anonymous = 0x22;
        long mapped = linux.call(linux.dlsym(process, "mmap"), 0, 4096, 3, anonymous, -1, 0);
        assertThat(mapped).isPositive();
        assertThat((int) linux.call(linux.dlsym(process, "munmap"), mapped, 4096, 0, 0, 0, 0))
                .isZero();
    }

    @Test
    void unknownSymbolIsZeroAndCannotBeCalled() {
        assertThat(linux.dlsym(linux.dlopen(null), "percpu_no_such_function")).isZero();
        assertThatThrownBy(() -> linux.call(0, 0, 0, 0, 0, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not found");
    }

    @Test
    void firstFailureOfAProcessIsToldInTheWordsOfTheCLibraryAsWell() throws Exception {
        assumeTrue(Locales.messagesAreEnglish(), Locales.SKIPPED);
        List<String> parts = linux.backend().equals("ffm")
                ? List.of(SelectionProbe.SPI, SelectionProbe.FFM)
                : List.of(SelectionProbe.SPI, SelectionProbe.JNA, SelectionProbe.JNA_LIBRARY);
        assertThat(SelectionProbe.run(List.of(), parts, "/no/such/library.so"))
                .isEqualTo("none: /no/such/library.so: cannot open shared object file: No such file or directory");
    }

    @Test
    void libraryThatCannotBeLoadedSaysWhy() throws IOException {
        assertThatThrownBy(() -> linux.dlopen("/no/such/library.so"))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("/no/such/library.so")
                .hasMessageContaining("No such file");
        Path text = Files.createTempFile("percpu", ".so");
        try {
            Files.writeString(text, "not a library, though long enough to be looked at: ".repeat(4));
            assertThatThrownBy(() -> linux.dlopen(text.toString()))
                    .isInstanceOf(UnsupportedOperationException.class)
                    .hasMessageContaining("ELF");
        } finally {
            Files.delete(text);
        }
    }
}
