// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

/**
 * The error numbers this project meets, as Linux defines them on x86-64 and aarch64 (errno(3)).
 *
 * <p>Linux architectures other than those two renumber some of them; the library does not run there.
 */
public enum Errno {
    /** Operation not permitted. */
    EPERM(1, "operation not permitted"),
    /** No such file or directory. */
    ENOENT(2, "no such file or directory"),
    /** No such process or thread. */
    ESRCH(3, "no such process"),
    /** Interrupted by a signal. */
    EINTR(4, "interrupted system call"),
    /** Input/output error. */
    EIO(5, "input/output error"),
    /** Bad file descriptor. */
    EBADF(9, "bad file descriptor"),
    /** Resource temporarily unavailable, or a limit is reached. Same number as EWOULDBLOCK. */
    EAGAIN(11, "resource temporarily unavailable"),
    /** Out of memory. */
    ENOMEM(12, "cannot allocate memory"),
    /** Permission denied. */
    EACCES(13, "permission denied"),
    /** Bad address. */
    EFAULT(14, "bad address"),
    /** In use: the item is pending or the object is busy. */
    EBUSY(16, "device or resource busy"),
    /** Already exists. */
    EEXIST(17, "file exists"),
    /** Invalid argument. */
    EINVAL(22, "invalid argument"),
    /** Number out of range, such as a thread name that is too long. */
    ERANGE(34, "numerical result out of range"),
    /** The call would wait for itself. */
    EDEADLK(35, "resource deadlock avoided"),
    /** The kernel lacks the system call. */
    ENOSYS(38, "function not implemented"),
    /** The object is shut down and takes nothing more. */
    ESHUTDOWN(108, "cannot send after transport endpoint shutdown"),
    /** The time given has passed. */
    ETIMEDOUT(110, "connection timed out");

    private final int number;
    private final String text;

    Errno(int number, String text) {
        this.number = number;
        this.text = text;
    }

    /**
     * The number in {@code errno.h}.
     *
     * @return a positive number
     */
    public int number() {
        return number;
    }

    /**
     * The meaning in words, for errors that this library raises itself. For failed system calls
     * {@link LinuxException#text()} has what the C library says.
     *
     * @return lower-case English, without a full stop
     */
    public String text() {
        return text;
    }

    /**
     * Names an error number.
     *
     * @param number the number from {@code errno.h}, positive
     * @return its symbol, such as {@code EINVAL}, or {@code errno 4711} for one that is not in this list
     */
    public static String name(int number) {
        for (Errno errno : values()) {
            if (errno.number == number) {
                return errno.name();
            }
        }
        return "errno " + number;
    }
}
