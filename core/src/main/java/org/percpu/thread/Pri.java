// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

/**
 * NetBSD priorities ({@code pri_t}, {@code sys/sys/param.h}) and what they become on Linux. A larger number is more
 * urgent.
 *
 * <table>
 * <caption>The mapping</caption>
 * <tr><th>class</th><th>priority</th><th>Linux</th></tr>
 * <tr><td>time-sharing</td><td>0 to 63</td><td>SCHED_OTHER, nice 19 to 0</td></tr>
 * <tr><td>time-sharing</td><td>64 to 223</td><td>SCHED_OTHER, nice 0: never above nice 0</td></tr>
 * <tr><td>fixed</td><td>0 to 63</td><td>SCHED_RR 1</td></tr>
 * <tr><td>fixed</td><td>64 ({@link #PRI_KERNEL})</td><td>SCHED_RR 1</td></tr>
 * <tr><td>fixed</td><td>96 ({@link #PRI_KTHREAD})</td><td>SCHED_RR 18</td></tr>
 * <tr><td>fixed</td><td>123 to 127 ({@link #PRI_BIO} to {@link #PRI_XCALL})</td><td>SCHED_RR 31 to 35, one
 * each</td></tr>
 * <tr><td>fixed</td><td>128 ({@link #PRI_USER_RT})</td><td>SCHED_RR 36</td></tr>
 * <tr><td>fixed</td><td>192 ({@link #PRI_KERNEL_RT})</td><td>SCHED_RR 71</td></tr>
 * <tr><td>fixed</td><td>220 to 223 ({@link #PRI_SOFTCLOCK} to {@link #PRI_SOFTSERIAL})</td><td>SCHED_RR 85 to 88, one
 * each</td></tr>
 * <tr><td>interrupt</td><td>0 to 95</td><td>SCHED_FIFO 89</td></tr>
 * <tr><td>interrupt</td><td>96 to 191</td><td>SCHED_FIFO 90</td></tr>
 * <tr><td>interrupt</td><td>192 to 219</td><td>SCHED_FIFO 91</td></tr>
 * <tr><td>interrupt</td><td>220 to 223 ({@link #PRI_SOFTCLOCK} to {@link #PRI_SOFTSERIAL})</td><td>SCHED_FIFO 92 to 95,
 * one each</td></tr>
 * </table>
 *
 * <p>Between the rows the fixed mapping is linear, and it never falls. Linux has fewer levels than NetBSD has
 * priorities: priorities without a name share a level with a neighbour, and then the order in which the threads became
 * ready decides. Each named fixed priority has a level of its own among the named ones. The seven levels of interrupt
 * threads are too few for that; each soft level has one. Linux priorities 96 to 99 stay free for the kernel's own
 * threads (watchdog, migration) and for the administrator.
 */
public final class Pri {
    /** "Choose for me". */
    public static final int PRI_NONE = -1;
    /** Lowest user priority. */
    public static final int PRI_USER = 0;
    /** Priority of the idle loop. */
    public static final int PRI_IDLE = PRI_USER;
    /** Highest time-sharing priority. */
    public static final int MAXPRI_USER = 63;
    /** Lowest kernel priority; a workqueue below it is time-sharing. */
    public static final int PRI_KERNEL = 64;
    /** Kernel threads. */
    public static final int PRI_KTHREAD = 96;
    /** Block I/O threads. */
    public static final int PRI_BIO = 123;
    /** The I/O flusher. */
    public static final int PRI_IOFLUSH = 124;
    /** Virtual memory threads. */
    public static final int PRI_VM = 125;
    /** The page daemon. */
    public static final int PRI_PGDAEMON = 126;
    /** Cross-calls. */
    public static final int PRI_XCALL = 127;
    /** Lowest real-time user priority. */
    public static final int PRI_USER_RT = 128;
    /** Lowest real-time kernel priority. */
    public static final int PRI_KERNEL_RT = 192;
    /** Soft interrupts of the clock. */
    public static final int PRI_SOFTCLOCK = 220;
    /** Soft interrupts of block devices. */
    public static final int PRI_SOFTBIO = 221;
    /** Soft interrupts of the network. */
    public static final int PRI_SOFTNET = 222;
    /** Soft interrupts of serial lines. */
    public static final int PRI_SOFTSERIAL = 223;
    /** The number of priorities. */
    public static final int PRI_COUNT = 224;

    /** Rows of the table: priorities and their SCHED_RR levels, both rising. */
    private static final int[][] FIXED = {
        {PRI_KERNEL, 1},
        {PRI_KTHREAD, 18},
        {PRI_BIO, 31},
        {PRI_IOFLUSH, 32},
        {PRI_VM, 33},
        {PRI_PGDAEMON, 34},
        {PRI_XCALL, 35},
        {PRI_USER_RT, 36},
        {PRI_KERNEL_RT, 71},
        {PRI_SOFTCLOCK, 85},
        {PRI_SOFTBIO, 86},
        {PRI_SOFTNET, 87},
        {PRI_SOFTSERIAL, 88},
    };

    /** Rows of the table: priorities and their SCHED_FIFO levels. */
    private static final int[][] INTERRUPT = {
        {PRI_KERNEL, 89},
        {PRI_KTHREAD, 90},
        {PRI_KERNEL_RT, 91},
        {PRI_SOFTCLOCK, 92},
        {PRI_SOFTBIO, 93},
        {PRI_SOFTNET, 94},
        {PRI_SOFTSERIAL, 95},
    };

    private Pri() {}

    /**
     * Returns whether a number is {@link #PRI_NONE} or a priority.
     *
     * @param pri any number
     * @return true for -1 to 223
     */
    public static boolean isValid(int pri) {
        return pri >= PRI_NONE && pri < PRI_COUNT;
    }

    /**
     * The setting of a time-sharing thread.
     *
     * @param pri 0 to 223
     * @return SCHED_OTHER with a nice value of 19 to 0
     * @throws IllegalArgumentException if out of range
     */
    public static Sched timeSharing(int pri) {
        requirePriority(pri);
        return Sched.other(19 - Math.min(pri, MAXPRI_USER) * 19 / MAXPRI_USER);
    }

    /**
     * The setting of a fixed-priority thread.
     *
     * @param pri 0 to 223
     * @return SCHED_RR, 1 to 88
     * @throws IllegalArgumentException if out of range
     */
    public static Sched fixed(int pri) {
        requirePriority(pri);
        return Sched.rr(level(pri, FIXED));
    }

    /**
     * The setting of a thread that services interrupts.
     *
     * @param pri 0 to 223
     * @return SCHED_FIFO, 89 to 95: above every fixed-priority thread
     * @throws IllegalArgumentException if out of range
     */
    public static Sched interrupt(int pri) {
        requirePriority(pri);
        return Sched.fifo(level(pri, INTERRUPT));
    }

    /**
     * Interpolates linearly between two rows. It rounds down, so that a priority below a row never reaches the row's
     * level.
     */
    private static int level(int pri, int[][] rows) {
        int row = rows.length - 1;
        while (row > 0 && pri < rows[row][0]) {
            row--;
        }
        int above = pri - rows[row][0];
        if (above <= 0) {
            return rows[row][1];
        }
        int[] next = rows[row + 1];
        return rows[row][1] + above * (next[1] - rows[row][1]) / (next[0] - rows[row][0]);
    }

    private static void requirePriority(int pri) {
        if (pri < 0 || pri >= PRI_COUNT) {
            throw new IllegalArgumentException("priority " + pri + ": must be 0 to " + (PRI_COUNT - 1));
        }
    }
}
