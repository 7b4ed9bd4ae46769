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

/** Runs test classes in a JVM of their own, which ends with the first test that fails: 1 if one did, 0 if all passed. */
final class Killers {
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
            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (result.getStatus() == TestExecutionResult.Status.FAILED) {
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
