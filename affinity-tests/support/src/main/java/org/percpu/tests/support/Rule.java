// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The rules of the semantics reference that a test shows, by their ids. On a class it counts for each of its tests. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.METHOD, ElementType.TYPE})
public @interface Rule {
    /**
     * Ids such as {@code NWQ-12}, {@code KL-3}, {@code U1}; scenarios of peer tests such as {@code N1}, {@code G3}.
     *
     * @return one or more
     */
    String[] value();
}
