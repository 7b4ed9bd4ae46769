// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.thread.Pri;

/** The meters of a kernel, as Prometheus scrapes them over the loopback. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("the meters of a kernel")
class KernelMetricsTest {
    private static final String WILD = "wi\"ld\\\n<q>";

    private static String scrape(PrometheusMeterRegistry registry) throws IOException, InterruptedException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/metrics", exchange -> {
            byte[] text = registry.scrape().getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, text.length);
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(text);
            }
        });
        server.start();
        try {
            URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/metrics");
            return HttpClient.newHttpClient()
                    .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
                    .body();
        } finally {
            server.stop(0);
        }
    }

    @Test
    @DisplayName("tell over the loopback what its queues have done, with names escaped")
    void scraped() throws Exception {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        CountDownLatch in = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        try (Kernel kernel = Kernel.builder(WILD).timing(true).build()) {
            Workqueue<Work> wq = Workqueue.create(
                    kernel,
                    "rx",
                    (work, arg) -> {
                        in.countDown();
                        boolean opened = go.await(30, TimeUnit.SECONDS);
                        assertThat(opened).isTrue();
                    },
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE);
            wq.enqueue(new Work(), null);
            wq.enqueue(new Work(), null);
            assertThat(in.await(30, TimeUnit.SECONDS)).isTrue();
            KernelMetrics metrics = new KernelMetrics(kernel);
            metrics.bindTo(registry);
            metrics.bindTo(registry);
            String first = scrape(registry);
            String tags = "{kernel=\"wi\\\"ld\\\\\\n<q>\",queue=\"rx\"}";
            assertThat(first)
                    .contains("percpu_queue_depth" + tags + " 1.0\n")
                    .contains("percpu_queue_enqueued_total" + tags + " 2.0\n")
                    .contains("percpu_queue_executed_total" + tags + " 0.0\n")
                    .contains("percpu_stalls_total{")
                    .contains("percpu_pins_lost{")
                    .contains("percpu_queues{kernel=\"wi\\\"ld\\\\\\n<q>\"} 1.0\n");
            go.countDown();
            wq.waitFor(new Work());
            Taskq tq = Taskq.create(kernel, "late", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            boolean added = tq.add(Task.initializer(arg -> {}, null));
            assertThat(added).isTrue();
            tq.barrier();
            wq.drainAndDestroy();
            // The scrape that reads percpu.queues finds that one queue has come and the other one has gone.
            String unused = scrape(registry);
            String second = scrape(registry);
            assertThat(second)
                    .contains("percpu_queue_executed_total{kernel=\"wi\\\"ld\\\\\\n<q>\",queue=\"late\"} 1.0\n")
                    .contains("percpu_queue_running_seconds_count{kernel=\"wi\\\"ld\\\\\\n<q>\",queue=\"late\"} 1")
                    .containsPattern(
                            "percpu_queue_waiting_percentile_seconds\\{.*quantile=\"0.99\",queue=\"late\"\\} [0-9]")
                    .doesNotContain("queue=\"rx\"");
            tq.destroy();
        }
    }
}
