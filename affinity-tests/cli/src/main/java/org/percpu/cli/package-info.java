// SPDX-License-Identifier: BSD-2-Clause
/**
 * The command line {@code percpu}.
 *
 * <p>A command is one class with picocli's annotations: it reads its options, asks the library, and answers on {@link
 * org.percpu.cli.Streams#out()}; what is not the answer goes to {@link org.percpu.cli.Streams#err()}. A new command is
 * added in {@link org.percpu.cli.Main} and nowhere else. Beside the commands stand the small things they share: {@link
 * org.percpu.cli.Table}, {@link org.percpu.cli.Json}, {@link org.percpu.cli.Numbers}, {@link
 * org.percpu.cli.Durations}, {@link org.percpu.cli.CpusOption} and {@link org.percpu.cli.Progress}. {@code --help} is
 * declared in Main and inherited.
 *
 * <p>Exit statuses are the same for all commands, see {@link org.percpu.cli.ExitStatus}. Bad input and denied privileges
 * are one line that names the offender and the remedy; a stack trace is never an answer.
 *
 * <p>The main job, {@code run}, is {@link org.percpu.cli.RunCommand} (options), {@link org.percpu.cli.Dealer} (deals
 * works to the CPUs and waits for them), {@link org.percpu.cli.Lane} (one CPU: its works, and what its worker found) and
 * {@link org.percpu.cli.RunReport} (table and JSON).
 *
 * <p>{@link org.percpu.cli.TopCommand} and {@link org.percpu.cli.DumpCommand} look at another process ({@code
 * org.percpu.top}); {@link org.percpu.cli.TraceCommand} draws a recording ({@code org.percpu.trace}), and {@link
 * org.percpu.cli.TraceFile} is the option by which other commands draw what they do.
 */
@NullMarked
package org.percpu.cli;

import org.jspecify.annotations.NullMarked;
