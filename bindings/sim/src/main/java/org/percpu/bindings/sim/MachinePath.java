// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A path in the files of a machine. */
final class MachinePath implements Path {
    private final MachineFiles files;
    private final boolean absolute;
    private final List<String> names;

    MachinePath(MachineFiles files, String path) {
        this(files, path.startsWith("/"), split(path));
    }

    private MachinePath(MachineFiles files, boolean absolute, List<String> names) {
        this.files = files;
        this.absolute = absolute;
        this.names = names;
    }

    private static List<String> split(String path) {
        List<String> names = new ArrayList<>();
        for (String name : path.split("/", -1)) {
            if (!name.isEmpty()) {
                names.add(name);
            }
        }
        return names;
    }

    private MachinePath of(boolean fromRoot, List<String> some) {
        return new MachinePath(files, fromRoot, some);
    }

    private static MachinePath mine(Path other) {
        if (other instanceof MachinePath path) {
            return path;
        }
        throw new ProviderMismatchException(other + " is not in the files of a simulated machine");
    }

    /** As the files know it: absolute, without dots. */
    String key() {
        return toAbsolutePath().normalize().toString();
    }

    @Override
    public FileSystem getFileSystem() {
        return files;
    }

    @Override
    public boolean isAbsolute() {
        return absolute;
    }

    @Override
    public @Nullable Path getRoot() {
        return absolute ? files.root() : null;
    }

    @Override
    public @Nullable Path getFileName() {
        return names.isEmpty() ? null : of(false, List.of(names.get(names.size() - 1)));
    }

    @Override
    public @Nullable Path getParent() {
        if (names.isEmpty() || (!absolute && names.size() == 1)) {
            return null;
        }
        return of(absolute, names.subList(0, names.size() - 1));
    }

    @Override
    public int getNameCount() {
        return names.size();
    }

    @Override
    public Path getName(int index) {
        return subpath(index, index + 1);
    }

    @Override
    public Path subpath(int beginIndex, int endIndex) {
        if (beginIndex < 0 || endIndex > names.size() || beginIndex >= endIndex) {
            throw new IllegalArgumentException(this + " has no names " + beginIndex + " to " + endIndex);
        }
        return of(false, names.subList(beginIndex, endIndex));
    }

    @Override
    public boolean startsWith(Path other) {
        return other instanceof MachinePath path
                && path.absolute == absolute
                && path.names.size() <= names.size()
                && names.subList(0, path.names.size()).equals(path.names);
    }

    @Override
    public boolean endsWith(Path other) {
        if (!(other instanceof MachinePath path) || path.names.size() > names.size()) {
            return false;
        }
        List<String> last = names.subList(names.size() - path.names.size(), names.size());
        return last.equals(path.names) && (!path.absolute || (absolute && last.size() == names.size()));
    }

    @Override
    public Path normalize() {
        List<String> kept = new ArrayList<>();
        for (String name : names) {
            if (name.equals("..") && !kept.isEmpty()) {
                kept.remove(kept.size() - 1);
            } else if (!name.equals(".") && !name.equals("..")) {
                kept.add(name);
            }
        }
        return of(absolute, kept);
    }

    @Override
    public Path resolve(Path other) {
        MachinePath path = mine(other);
        if (path.absolute) {
            return path;
        }
        List<String> all = new ArrayList<>(names);
        all.addAll(path.names);
        return of(absolute, all);
    }

    @Override
    public Path relativize(Path other) {
        MachinePath path = mine(other);
        if (!path.startsWith(this)) {
            throw new IllegalArgumentException(other + " is not below " + this);
        }
        return of(false, path.names.subList(names.size(), path.names.size()));
    }

    @Override
    public URI toUri() {
        return URI.create("percpu-sim:" + toAbsolutePath());
    }

    @Override
    public Path toAbsolutePath() {
        return absolute ? this : of(true, names);
    }

    @Override
    public Path toRealPath(LinkOption... options) throws NoSuchFileException {
        String key = key();
        if (!files.isFolder(key) && files.content(key) == null) {
            throw new NoSuchFileException(key);
        }
        return new MachinePath(files, key);
    }

    @Override
    public WatchKey register(WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
        throw new UnsupportedOperationException("changes in the files of a simulated machine");
    }

    @Override
    public int compareTo(Path other) {
        return toString().compareTo(mine(other).toString());
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof MachinePath path
                && path.files.equals(files)
                && path.absolute == absolute
                && path.names.equals(names);
    }

    @Override
    public int hashCode() {
        return Arrays.asList(absolute, names).hashCode();
    }

    @Override
    public String toString() {
        return (absolute ? "/" : "") + String.join("/", names);
    }
}
