// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.WatchService;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The files of a machine, as a file system in memory that can only be read. There is no lock in it: it never changes.
 */
final class MachineFiles extends FileSystem {
    private final NavigableMap<String, byte[]> files = new TreeMap<>();
    private final NavigableMap<String, Set<String>> folders = new TreeMap<>();
    private final MachineFileProvider provider = new MachineFileProvider(this);
    private final MachinePath root = new MachinePath(this, "/");

    /** By path, without a slash at the start; a path that ends with a slash is an empty folder. */
    MachineFiles(Map<String, String> contents) {
        folders.put("/", new TreeSet<>());
        contents.forEach((name, content) -> {
            String path = "/" + name;
            if (!path.endsWith("/")) {
                files.put(path, content.getBytes(StandardCharsets.ISO_8859_1));
            }
            for (int slash = path.lastIndexOf('/'); slash >= 0; slash = path.lastIndexOf('/', slash - 1)) {
                String folder = slash == 0 ? "/" : path.substring(0, slash);
                int end = path.indexOf('/', slash + 1);
                String child = path.substring(slash + 1, end < 0 ? path.length() : end);
                Set<String> children = folders.computeIfAbsent(folder, unused -> new TreeSet<>());
                if (!child.isEmpty()) {
                    boolean unused = children.add(child);
                }
            }
        });
    }

    Path root() {
        return root;
    }

    /** Null if there is no such file. */
    byte @Nullable [] content(String path) {
        return files.get(path);
    }

    /** The names in a folder; null if there is no such folder. */
    @Nullable
    List<Path> children(MachinePath folder) {
        Set<String> names = folders.get(folder.key());
        if (names == null) {
            return null;
        }
        List<Path> children = new ArrayList<>();
        for (String name : names) {
            children.add(folder.resolve(name));
        }
        return children;
    }

    boolean isFolder(String path) {
        return folders.containsKey(path);
    }

    /** A channel over a content. */
    static SeekableByteChannel channel(byte[] content) {
        return new ContentChannel(content);
    }

    @Override
    public FileSystemProvider provider() {
        return provider;
    }

    /** Does nothing: the files belong to the machine. */
    @Override
    public void close() throws IOException {}

    @Override
    public boolean isOpen() {
        return true;
    }

    @Override
    public boolean isReadOnly() {
        return true;
    }

    @Override
    public String getSeparator() {
        return "/";
    }

    @Override
    public Iterable<Path> getRootDirectories() {
        return List.of((Path) root);
    }

    @Override
    public Iterable<FileStore> getFileStores() {
        return List.of();
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
        return Set.of("basic");
    }

    @Override
    public Path getPath(String first, String... more) {
        return new MachinePath(this, more.length == 0 ? first : first + "/" + String.join("/", more));
    }

    @Override
    public PathMatcher getPathMatcher(String syntaxAndPattern) {
        throw new UnsupportedOperationException("patterns in the files of a simulated machine");
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
        throw new UnsupportedOperationException("owners in the files of a simulated machine");
    }

    @Override
    public WatchService newWatchService() {
        throw new UnsupportedOperationException("changes in the files of a simulated machine");
    }
}
