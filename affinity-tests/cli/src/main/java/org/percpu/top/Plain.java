// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.top;

/** Text of users, made harmless. */
public final class Plain {
    private Plain() {}

    /**
     * For a terminal: control characters become escapes, so that a name cannot move the cursor or change a colour.
     *
     * @param text any
     * @return in one line
     */
    public static String text(String text) {
        StringBuilder plain = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean control = Character.isISOControl(c)
                    || Character.getType(c) == Character.FORMAT
                    || c == '\u2028'
                    || c == '\u2029'
                    || (Character.isSurrogate(c) && !isPair(text, i));
            if (control && plain == null) {
                plain = new StringBuilder(text.substring(0, i));
            }
            if (plain != null) {
                plain.append(control ? String.format("\\u%04x", (int) c) : String.valueOf(c));
            }
        }
        return plain == null ? text : plain.toString();
    }

    private static boolean isPair(String text, int at) {
        char c = text.charAt(at);
        return Character.isHighSurrogate(c)
                ? at + 1 < text.length() && Character.isLowSurrogate(text.charAt(at + 1))
                : at > 0 && Character.isHighSurrogate(text.charAt(at - 1));
    }
}
