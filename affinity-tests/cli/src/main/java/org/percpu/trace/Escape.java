// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import org.percpu.top.Plain;

/** Names of users in files. */
final class Escape {
    private Escape() {}

    /** For HTML, between tags and in attributes with double quotes. Control characters are shown as escapes. */
    static String html(String text) {
        return Plain.text(text)
                .replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("'", "&#39;");
    }

    /** A string of JSON, in quotes. */
    static String json(String text) {
        StringBuilder json = new StringBuilder("\"");
        String plain = Plain.text(text);
        for (int i = 0; i < plain.length(); i++) {
            char c = plain.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\');
            }
            json.append(c);
        }
        return json.append('"').toString();
    }
}
