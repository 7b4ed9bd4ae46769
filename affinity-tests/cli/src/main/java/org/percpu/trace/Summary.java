// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A timeline that is short enough for a picture. The longest boxes stay as they are. The others are merged with their
 * neighbours of the same sort on the same thread and CPU.
 *
 * @param whole boxes that are drawn as they are, by their beginning
 * @param merged several boxes each
 * @param arrows of the runs in {@code whole}, at most as many as there may be
 * @param mergedBoxes how many boxes are in {@code merged}
 * @param hiddenArrows how many arrows are not drawn
 */
record Summary(
        List<Timeline.Box> whole, List<Merged> merged, List<Timeline.Arrow> arrows, int mergedBoxes, int hiddenArrows) {
    private static final int MOST_BOXES = 12_000;
    private static final int MOST_ARROWS = 3_000;
    private static final int COLUMNS = 1_000;

    /**
     * Boxes that follow each other closely.
     *
     * @param first gives kind, CPU, thread and group
     * @param end of the last one
     * @param count how many
     * @param busy how long all of them are together
     */
    record Merged(Timeline.Box first, long end, int count, long busy) {}

    private record Row(Timeline.Kind kind, int cpu, long thread, String group) {}

    static Summary of(Timeline timeline, long from, long to) {
        List<Timeline.Box> boxes = timeline.boxes();
        List<Timeline.Box> whole = boxes;
        List<Merged> merged = new ArrayList<>();
        if (boxes.size() > MOST_BOXES) {
            long[] lengths =
                    boxes.stream().mapToLong(Timeline.Box::length).sorted().toArray();
            long least = lengths[lengths.length - MOST_BOXES];
            whole = new ArrayList<>();
            List<Timeline.Box> rest = new ArrayList<>();
            for (Timeline.Box box : boxes) {
                boolean stays = whole.size() < MOST_BOXES && (box.length() > least || box.kind() == Timeline.Kind.MARK);
                (stays ? whole : rest).add(box);
            }
            merge(rest, Math.max((to - from) / COLUMNS, 1), merged);
        }
        int hidden = 0;
        List<Timeline.Arrow> arrows = timeline.arrows();
        if (boxes.size() > MOST_BOXES || arrows.size() > MOST_ARROWS) {
            Set<Timeline.Box> drawn = new HashSet<>(whole);
            arrows = arrows.stream()
                    .filter(arrow -> drawn.contains(arrow.run()))
                    .sorted(Comparator.comparingLong(
                            (Timeline.Arrow arrow) -> arrow.time() - arrow.run().start()))
                    .limit(MOST_ARROWS)
                    .toList();
            hidden = timeline.arrows().size() - arrows.size();
        }
        return new Summary(whole, merged, arrows, boxes.size() - whole.size(), hidden);
    }

    private static void merge(List<Timeline.Box> boxes, long gap, List<Merged> into) {
        Map<Row, Merged> open = new HashMap<>();
        for (Timeline.Box box : boxes) {
            Row row = new Row(box.kind(), box.cpu(), box.thread(), box.group());
            Merged before = open.get(row);
            if (before != null
                    && box.start() - before.end() <= gap
                    && box.end() - before.first().start() <= 4 * gap) {
                open.put(
                        row,
                        new Merged(
                                before.first(),
                                Math.max(before.end(), box.end()),
                                before.count() + 1,
                                before.busy() + box.length()));
            } else {
                if (before != null) {
                    into.add(before);
                }
                open.put(row, new Merged(box, box.end(), 1, box.length()));
            }
        }
        into.addAll(open.values());
    }
}
