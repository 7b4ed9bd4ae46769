// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** One contender in a JVM of its own. Prints one JSON object: what was measured, or why it could not be. */
public final class Measurement {
    static final String LEFT_OUT = "leftOut";
    private static final int ARGUMENTS = 6;

    private Measurement() {}

    /**
     * Measures a contender.
     *
     * @param args its id, the CPUs of the producers and of the worker, {@code full} or {@code quick}, and {@code one} or {@code two}
     *     producers
     * @throws Exception if the measurement goes wrong; that a contender is missing is an answer instead
     */
    public static void main(String[] args) throws Exception {
        if (args.length != ARGUMENTS) {
            throw new IllegalArgumentException("this is run by percpu compare; got " + Arrays.toString(args));
        }
        Lineup.Entry entry = Lineup.named(args[0]);
        Measures.Places places =
                new Measures.Places(Integer.parseInt(args[1]), Integer.parseInt(args[2]), Integer.parseInt(args[3]));
        boolean quick = args[4].equals("quick");
        boolean two = args[5].equals("two");
        Map<String, ?> answer;
        try {
            answer = measure(entry, places, quick, two);
        } catch (NotHere e) {
            answer = Map.of(LEFT_OUT, String.valueOf(e.getMessage()));
        } catch (LinkageError | IllegalAccessException e) {
            answer = Map.of(LEFT_OUT, "its library is missing or does not run on this Java (" + e + ")");
        }
        print(answer);
        // Peers may leave threads behind.
        System.exit(0);
    }

    private static Map<String, Double> measure(Lineup.Entry entry, Measures.Places places, boolean quick, boolean two)
            throws Exception {
        Contender.Maker maker = entry.maker();
        if (entry.is(Lineup.Trait.TIMER)) {
            return new TimerCalls(places, quick).measure(entry.id());
        }
        if (maker == null) {
            Micro micro = new Micro(places, quick);
            return entry.id().equals(Lineup.OPENHFT) ? micro.openHft() : micro.ours();
        }
        List<Sink> sinks = List.of(new Sink(), new Sink());
        Measures.Amount amount = quick ? Measures.Amount.QUICK : Measures.Amount.FULL;
        double hop = Hop.nanos(places.producer(), places.worker());
        Map<String, Double> found;
        try (Contender contender = maker.make(new Contender.Setup(sinks, places.worker()))) {
            found = new Measures(places, amount, contender, sinks)
                    .run(entry.is(Lineup.Trait.SLEEPS), two && !entry.is(Lineup.Trait.ONE_PRODUCER));
        }
        found.put(Measures.HOP, hop);
        found.put(Measures.HOP_AFTER, Hop.nanos(places.producer(), places.worker()));
        return found;
    }

    private static void print(Map<String, ?> answer) throws IOException {
        System.out.println(JSON.std.asString(answer));
        System.out.flush();
    }

    /** A producer failed; nobody will ever finish. */
    static void giveUp(Throwable e) {
        e.printStackTrace();
        System.exit(1);
    }
}
