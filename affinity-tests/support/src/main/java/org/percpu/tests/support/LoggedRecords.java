// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What a class logs, instead of the console, until closed. */
public final class LoggedRecords implements AutoCloseable {
    private final List<LogRecord> records = new CopyOnWriteArrayList<>();
    private final Logger logger;
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord message) {
            records.add(message);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    public LoggedRecords(Class<?> source) {
        logger = Logger.getLogger(source.getName());
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
    }

    public List<LogRecord> list() {
        return records;
    }

    @Override
    public void close() {
        logger.removeHandler(handler);
        logger.setUseParentHandlers(true);
    }
}
