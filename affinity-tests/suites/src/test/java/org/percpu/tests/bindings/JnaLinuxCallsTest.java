// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

class JnaLinuxCallsTest extends LinuxCallsContract {
    @Override
    LinuxCalls linux() {
        return Backend.select("jna").calls();
    }
}
