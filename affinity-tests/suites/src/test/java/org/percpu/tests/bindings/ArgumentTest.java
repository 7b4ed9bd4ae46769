// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.bindings.spi.NoBackendException;
import org.percpu.bindings.spi.PercpuException;

/** Checks of arguments, which hot calls begin with. */
@Tag("once")
class ArgumentTest {
    @Test
    @DisplayName("a null argument is EINVAL with the call and the argument's name; any other comes back")
    void nullIsInvalid() {
        assertThat(Argument.requireNonNull("any", "call", "name")).isEqualTo("any");
        assertThatThrownBy(() -> Argument.requireNonNull(null, "call", "name"))
                .isInstanceOfSatisfying(
                        ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
                .hasMessageContaining("call: name is null");
    }

    @Test
    @DisplayName("no exception class has a static method: HotSpot's compiler would inline it nowhere")
    void exceptionsHaveNoStaticMethods() {
        for (Class<?> exception :
                List.of(ErrnoException.class, LinuxException.class, NoBackendException.class, PercpuException.class)) {
            assertThat(Arrays.stream(exception.getDeclaredMethods())
                            .filter(method -> Modifier.isStatic(method.getModifiers()) && !method.isSynthetic())
                            .map(Method::getName))
                    .as(exception.getName())
                    .isEmpty();
        }
    }
}
