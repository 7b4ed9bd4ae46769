// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

@Name("org.percpu.PinRestored")
@Label("Pin Restored")
@Description("A thread that had lost its pin has the mask again that was asked for")
@Category("percpu")
@StackTrace(false)
final class PinRestoredEvent extends PinEvent {}
