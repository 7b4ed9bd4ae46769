// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bad input is one line that names the offender and the remedy, and exit status 2. */
@Tag("once")
class BadInputTest {
    @ParameterizedTest(name = "percpu {0}")
    @DisplayName("Bad input is answered with one line, exit status 2 and no stack trace")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "run --cpus '' | the CPU list is empty: name at least one CPU",
                "run --cpus 3-1 | a range goes up, write 1-3",
                "run --cpus 1,,2 | an entry is empty",
                "run --cpus 0- | not a CPU number; write a list such as 0-3,8",
                "run --cpus -1 | CPU numbers start at 0",
                "run --cpus 0-8:0 | a stride is 1 or more",
                "run --cpus zero | zero: not a CPU number",
                "run --cpus 0x3 | write the list 0-1",
                "run --cpus 1048575 | CPU 1048575 is not present: the machine has",
                "run --cpus 99999999 | CPU numbers end at",
                "run --cpus | Missing required parameter for option '--cpus'",
                "run --priority 224 | --priority '224': write a whole number from -1 to 223",
                "run --priority -2 | --priority '-2': write a whole number from -1 to 223",
                "run --priority high | --priority 'high'",
                "run --priority 63 --realtime require | real-time is 64 to 223",
                "run --realtime always | write prefer, require or never",
                "run --works 0 | --works '0': write a whole number from 1",
                "run --works -1 | --works '-1'",
                "run --works many | --works 'many'",
                "run --works 99999999999999999999 | --works '99999999999999999999'",
                "run --works 1 --works 2 | should be specified only once",
                "run --works 1 --duration 1s | exclude each other: give one",
                "run --duration 10 | write a whole number above 0 with ns, us, ms, s or m",
                "run --duration 0s | --duration '0s'",
                "run --duration -1s | --duration '-1s'",
                "run --in-flight 0 | --in-flight '0'",
                "run --job sleep | write nop, spin:DURATION",
                "run --job spin | write nop, spin:DURATION",
                "run --job spin: | is not a duration",
                "run --job spin:fast | 'fast' is not a duration",
                "run --job sha256 | name files or folders",
                "run --job sha256 - | standard input",
                "run --job sha256 --works 3 pom.xml | leave it out",
                "run pom.xml | files go with --job sha256",
                "run --fast | Unknown option: '--fast'",
                "timerlat -c 1048575 | CPU 1048575 is not present",
                "timerlat --cpus 0-x | 0-x",
                "timerlat -i 0 | --interval '0': write a whole number from 10",
                "timerlat -i -5 | --interval '-5'",
                "timerlat -i fast | --interval 'fast'",
                "timerlat -i 99999999999 | --interval '99999999999'",
                "timerlat -D 0s | --duration '0s'",
                "timerlat -D 10 | write a whole number above 0 with ns, us, ms, s or m",
                "timerlat -D 5ms | has no room for 10 expiries every 1000 us",
                "timerlat -P f:0 | --sched 'f:0': write o: for SCHED_OTHER",
                "timerlat -P f:100 | priority from 1 to 99",
                "timerlat -P x:5 | --sched 'x:5'",
                "timerlat -P o:5 | --sched 'o:5'",
                "timerlat -P f | --sched 'f'",
                "timerlat -P | Missing required parameter for option '--sched'",
                "timerlat 3 | Unmatched argument",
                "topology 0 | Unmatched argument",
                "check --fast | Unknown option: '--fast'",
                "trace none.java | 'none.java' cannot be read: name a source file, a class, or a recording",
                "trace -o /nowhere/x.html X.jfr | -o '/nowhere/x.html' cannot be written",
                "trace -o /dev/full/x.html X.jfr | cannot be written",
                "trace --json /nowhere/x.json -o target/x.html X.jfr | --json '/nowhere/x.json' cannot be written",
                "trace --from 2ms --to 1ms X.jfr | --to 1ms is not after --from 2ms",
                "trace --from soon X.jfr | --from 'soon' is not a duration",
                "trace | Missing required parameter",
                "run --works 1 --trace /nowhere/x.html | --trace '/nowhere/x.html' cannot be written",
                "top --interval 0s 1 | --interval '0s'",
                "top 0 | PID '0': write a whole number from 1",
                "dump one | PID 'one'",
                "tuna | 'tuna' is unknown: write percpu topology, percpu check",
            })
    void badInputIsOneLineAndStatusTwo(String arguments, String sentence) {
        String[] args = arguments.split(" ", -1);
        for (int i = 0; i < args.length; i++) {
            args[i] = args[i].equals("''") ? "" : args[i];
        }
        Percpu answer = Percpu.here(args);
        assertThat(answer.err()).contains(sentence).startsWith("percpu").doesNotContain("Exception");
        assertThat(answer.err().lines()).hasSize(1);
        assertThat(answer.out()).isEmpty();
        assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
    }

    @Test
    void noCommandAtAllNamesTheCommands() {
        Percpu answer = Percpu.here();
        assertThat(answer.err()).contains("percpu topology").hasLineCount(1);
        assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
    }

    @Test
    void aLineEndInAValueDoesNotMakeASecondLine() {
        Percpu answer = Percpu.here("run", "--job", "no\nsuch\njob");
        assertThat(answer.err()).contains("no such job").hasLineCount(1);
        assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
    }

    @Test
    void helpIsAnAnswer() {
        assertThat(Percpu.here("--help").status()).isZero();
        assertThat(Percpu.here("run", "--help").out()).contains("--realtime").contains("sha256sum");
    }
}
