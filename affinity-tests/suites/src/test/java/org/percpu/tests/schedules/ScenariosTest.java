// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.schedules;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.tests.support.Machine;

/** The scenarios for controlled schedules, each in a few of the schedules that come by themselves, faults included. */
@Timeout(60)
@DisplayName("In whatever schedule comes, nothing is lost:")
class ScenariosTest {
    private static final List<Class<?>> SCENARIOS = List.of(
            Scenarios.class, LockScenarios.class, InterruptScenarios.class, ClockScenarios.class, PoolScenarios.class);
    private static final int SEEDS = 16;

    @BeforeAll
    static void onASimulatedMachine() {
        Machine.skipUnless(Machine.isSimulated(), "needs a simulated machine: -Dpercpu.backend=sim");
    }

    @AfterAll
    static void theMachineIsWhole() {
        if (Machine.isSimulated()) {
            // The last schedule may have left its faults to the tests that come behind it.
            SimMachine fresh = SimMachine.restart();
            assert fresh == SimMachine.ofProcess();
        }
    }

    private static Stream<Arguments> scenarios() {
        return SCENARIOS.stream()
                .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
                .filter(method -> Modifier.isPublic(method.getModifiers()))
                .sorted(Comparator.comparing(Method::getName))
                .map(method -> Arguments.of(Named.of(method.getName(), method)));
    }

    @ParameterizedTest
    @MethodSource("scenarios")
    @DisplayName("a scenario, with and without faults, with and without membarrier(2)")
    void scenario(Method scenario) throws Throwable {
        Object scenarios = scenario.getDeclaringClass().getConstructor().newInstance();
        for (int seed = 0; seed < SEEDS; seed++) {
            System.setProperty(Stage.SEED, Integer.toString(seed));
            try {
                Object nothing = scenario.invoke(scenarios);
                assert nothing == null;
            } catch (InvocationTargetException e) {
                throw new AssertionError(scenario.getName() + " with seed " + seed, e.getCause());
            } finally {
                System.clearProperty(Stage.SEED);
            }
        }
    }
}
