// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.mutants;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Arrays;
import java.util.List;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs test classes in a JVM of their own, which ends with the first test that fails: 1 if one did, 0 if all passed, 2 if none ran. */
final class Killers {
    /** How a line begins behind which no test has begun. */
    static final String WAITS = "class ";

    private Killers() {}

    public static void main(String[] classes) {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(Arrays.stream(classes)
                        .map(name -> selectClass("org.percpu." + name))
                        .toList())
                .build();
        Launcher launcher = LauncherFactory.create();
        int[] run = new int[1];
        launcher.execute(request, new TestExecutionListener() {
            @Override
            public void executionStarted(TestIdentifier test) {
                // A class may wait until it has the machine, which is no hang of the mutant.
                System.out.println((test.isTest() ? "test " : WAITS) + test.getDisplayName());
            }

            @Override
            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (result.getStatus() == TestExecutionResult.Status.FAILED) {
                    if (test.getParentId().isEmpty()) {
                        // The engine: a class that does not exist is no test that fails.
                        result.getThrowable().ifPresent(Throwable::printStackTrace);
                        Runtime.getRuntime().halt(2);
                    }
                    System.out.println("killed by " + test.getDisplayName());
                    Runtime.getRuntime().halt(1);
                }
                run[0] += test.isTest() && result.getStatus() == TestExecutionResult.Status.SUCCESSFUL ? 1 : 0;
            }
        });
        System.out.println(run[0] + " tests passed of " + List.of(classes));
        Runtime.getRuntime().halt(run[0] == 0 ? 2 : 0);
    }
}
