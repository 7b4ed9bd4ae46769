// SPDX-License-Identifier: BSD-2-Clause
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.concurrent.PerCpuExecutor;
import org.percpu.kernel.Kernel;
import org.percpu.thread.Affinity;

/**
 * A server with a virtual thread for each request, whose stage that needs a CPU runs on the CPU of the customer.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp ../../../target/percpu-cli.jar Sample12_RequestPerVirtualThread.java
 * </pre>
 *
 * <p>With Java 21 or newer it prints:
 *
 * <pre>
 * 10000 requests of 100 customers were answered
 * every customer had one CPU, and its requests were counted without a lock
 * </pre>
 */
public final class Sample12_RequestPerVirtualThread {
    private static final int CUSTOMERS = 100;
    private static final int REQUESTS = 10_000;

    private Sample12_RequestPerVirtualThread() {}

    /** Plain fields: only the worker of the customer's CPU touches them. */
    private static final class Customer {
        int requests;
        int cpu = -1;
        boolean moved;

        int price() {
            int now = Affinity.currentCpu();
            moved |= cpu != -1 && cpu != now;
            cpu = now;
            return ++requests;
        }
    }

    public static void main(String[] args) throws Exception {
        List<Customer> customers = new ArrayList<>();
        for (int i = 0; i < CUSTOMERS; i++) {
            customers.add(new Customer());
        }
        AtomicInteger answered = new AtomicInteger();
        try (Kernel kernel = Kernel.builder("server").build();
                PerCpuExecutor perCpu = PerCpuExecutor.builder(kernel, "price").build()) {
            try (ExecutorService requests = Executors.newVirtualThreadPerTaskExecutor()) {
                List<Future<?>> all = new ArrayList<>();
                for (int i = 0; i < REQUESTS; i++) {
                    int id = i % CUSTOMERS;
                    all.add(requests.submit(() -> {
                        // The virtual thread waits, and its carrier does something else.
                        int number = CompletableFuture.supplyAsync(customers.get(id)::price, perCpu.forKey(id))
                                .join();
                        answered.addAndGet(number > 0 ? 1 : 0);
                    }));
                }
                for (Future<?> future : all) {
                    future.get();
                }
            }
        }
        System.out.println(answered + " requests of " + CUSTOMERS + " customers were answered");
        boolean right = customers.stream().allMatch(c -> !c.moved && c.requests == REQUESTS / CUSTOMERS);
        System.out.println(
                right ? "every customer had one CPU, and its requests were counted without a lock" : "it went wrong");
    }
}
