// SPDX-License-Identifier: BSD-2-Clause
/**
 * The picture of a recording: what ran where, when, and what held it up.
 *
 * <p>{@link org.percpu.trace.Tracing} records: this process, or a program that it starts. {@link
 * org.percpu.trace.Timeline} is what was recorded: boxes, each on one CPU and one thread, and arrows from an enqueue to
 * its run; {@link org.percpu.trace.TimelineReader} reads it from a file. {@link org.percpu.trace.HtmlPicture} draws it
 * as one HTML file, which needs no network, and no script but for zoom and search; {@link org.percpu.trace.ChromeJson}
 * writes it in Chrome's trace format.
 *
 * <p>A picture holds the longest boxes, at most some thousand. {@link org.percpu.trace.Summary} merges the others with
 * their neighbours and counts them, and the picture says how many there are. A shorter stretch of the recording shows
 * them all.
 */
@NullMarked
package org.percpu.trace;

import org.jspecify.annotations.NullMarked;
