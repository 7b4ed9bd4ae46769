// SPDX-License-Identifier: BSD-2-Clause
/**
 * Interrupts that are real-time signals, and works that are posted from C.
 *
 * <p><b>Lines.</b> An {@link org.percpu.intr.InterruptLine} is a source of values for one thread, its
 * {@link org.percpu.intr.Receiver}. It is triggered from Java, from C, by a signal, a timer or a file. The receiver
 * runs the handler, in Java, where it looks and its level allows. A line that must not wait for other code of its
 * thread is established on the interrupt thread of a CPU ({@code Kernel.interrupts}). A line may instead post a
 * {@link org.percpu.intr.NativeWork}; then no Java code runs on the receiver.
 *
 * <p><b>The arrow.</b> This package uses {@code org.percpu.ipl} for the names of levels and {@code org.percpu.dispatch}
 * for what carries the values. Neither knows of lines. To the receiving thread, a line is a {@code Source}.
 *
 * <p><b>One answer for a mistake.</b> A line or work that is closed is {@code ErrnoException} EINVAL, a receiver that
 * has ended ESRCH, a level above that of the work's queue EPERM, a queue that has ended ESHUTDOWN, a null argument
 * EINVAL. A {@code LinuxException} is a system call that failed, or that no signal or no memory for a line is left.
 *
 * <p><b>Names.</b>
 *
 * <ul>
 * <li>{@code InterruptLine}: a source of values for one receiver, with a handler or a work.
 * <li>{@code Receiver}: a thread on which handlers of lines run.
 * <li>{@code NativeWork}: a work or task of a queue that C code or a line can post.
 * <li>{@code Delivery}: the receiver's half of a line, which takes values and calls the handler.
 * <li>{@code Triggers}: the signal, the timer and the file of a line.
 * </ul>
 */
@NullMarked
package org.percpu.intr;

import org.jspecify.annotations.NullMarked;
