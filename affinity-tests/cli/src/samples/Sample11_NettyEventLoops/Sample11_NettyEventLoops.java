// SPDX-License-Identifier: BSD-2-Clause
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Future;
import org.percpu.concurrent.CpuExecutor;
import org.percpu.concurrent.PerCpuExecutor;
import org.percpu.concurrent.PinnedThreadFactory;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.kernel.Kernel;
import org.percpu.thread.ThreadState;

/**
 * Netty's event loops, each on a CPU of its own: the factory goes to the group, and nothing else of the server changes.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp ../../../target/percpu-cli.jar:NETTY Sample11_NettyEventLoops.java 100000
 * </pre>
 *
 * <p>NETTY stands for the jars of {@code io.netty:netty-transport} 4.2 and of what it needs. On a machine with the CPUs 0 and 1 it
 * prints:
 *
 * <pre>
 * 100000 requests were echoed
 * io-0 is on CPU 0, by /proc
 * io-1 is on CPU 1, by /proc
 * </pre>
 */
public final class Sample11_NettyEventLoops {
    private static final int REQUEST_BYTES = 8;
    private static final int PIPELINED = 50;

    private Sample11_NettyEventLoops() {}

    private static final class Echo extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            context.writeAndFlush(message);
        }
    }

    public static void main(String[] args) throws Exception {
        int requests = Integer.parseInt(args[0]);
        List<Cpu> cpus = CpuTopology.system().allowedCpus();
        PinnedThreadFactory factory =
                PinnedThreadFactory.builder("io-%d").cpus(cpus).build();
        EventLoopGroup loops = new MultiThreadIoEventLoopGroup(cpus.size(), factory, NioIoHandler.newFactory());
        Channel server = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(new Echo());
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), 0)
                .sync()
                .channel();
        int port = ((InetSocketAddress) server.localAddress()).getPort();
        System.out.println(clients(port, cpus.size() * 2, requests) + " requests were echoed");
        for (ThreadState state : factory.states()) {
            // The kernel's word.
            String allowed = Files.readAllLines(Path.of("/proc/self/task/" + state.tid() + "/status")).stream()
                    .filter(line -> line.startsWith("Cpus_allowed_list:"))
                    .map(line -> line.substring(line.indexOf('\t') + 1))
                    .findFirst()
                    .orElseThrow();
            System.out.println(state.name() + " is on CPU " + allowed + ", by /proc");
        }
        loops.shutdownGracefully().sync();
    }

    /** The clients share the requests; one is the worker of a CPU, so there is no further pool. */
    private static int clients(int port, int count, int requests) throws Exception {
        try (Kernel kernel = Kernel.builder("clients").build();
                PerCpuExecutor executor =
                        PerCpuExecutor.builder(kernel, "clients").build()) {
            List<CpuExecutor> all = executor.all();
            Future<Integer>[] futures = futures(count);
            for (int i = 0; i < count; i++) {
                int mine = requests / count + (i < requests % count ? 1 : 0);
                futures[i] = all.get(i % all.size()).submit(() -> client(port, mine));
            }
            int sum = 0;
            for (Future<Integer> future : futures) {
                sum += future.get();
            }
            return sum;
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
    private static Future<Integer>[] futures(int count) {
        return new Future[count];
    }

    private static int client(int port, int requests) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            int echoed = 0;
            while (echoed < requests) {
                byte[] some = new byte[Math.min(PIPELINED, requests - echoed) * REQUEST_BYTES];
                Arrays.fill(some, (byte) echoed);
                socket.getOutputStream().write(some);
                if (!Arrays.equals(some, socket.getInputStream().readNBytes(some.length))) {
                    throw new IllegalStateException("another answer than the request");
                }
                echoed += some.length / REQUEST_BYTES;
            }
            return echoed;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
