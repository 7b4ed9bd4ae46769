// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.io.IOException;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** The agent that puts the points of {@link Injector} into the library's classes as they are loaded. */
public final class Instrumenter implements ClassFileTransformer {
    private static final int API = Opcodes.ASM9;
    private static final String LIBRARY = "org/percpu/";
    private static final String TESTS = "org/percpu/tests/";
    private static final String INJECTOR = "org/percpu/tests/inject/Injector";
    /** What JaCoCo's agent adds. */
    private static final String JACOCO = "$jacoco";

    public static void premain(@Nullable String arguments, Instrumentation instrumentation) {
        instrumentation.addTransformer(new Instrumenter());
    }

    /** A jar that says which class is the agent, which itself is on the class path. */
    static void writeAgent(Path jar) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().putValue("Premain-Class", Instrumenter.class.getName());
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
            out.finish();
        }
    }

    @Override
    public byte @Nullable [] transform(
            @Nullable ClassLoader loader,
            @Nullable String name,
            @Nullable Class<?> redefined,
            @Nullable ProtectionDomain domain,
            byte[] bytes) {
        if (name == null || !name.startsWith(LIBRARY) || name.startsWith(TESTS)) {
            return null;
        }
        try {
            ClassReader reader = new ClassReader(bytes);
            ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
            reader.accept(new Points(writer, name), 0);
            return writer.toByteArray();
        } catch (RuntimeException | Error e) {
            // The JVM drops what a transformer throws, and would run the class without points.
            e.printStackTrace();
            Runtime.getRuntime().halt(3);
            throw e;
        }
    }

    private static final class Points extends ClassVisitor {
        private final String type;

        Points(ClassVisitor next, String type) {
            super(API, next);
            this.type = type.substring(LIBRARY.length());
        }

        @Override
        public @Nullable MethodVisitor visitMethod(
                int access, String name, String descriptor, @Nullable String signature, String @Nullable [] thrown) {
            MethodVisitor next = super.visitMethod(access, name, descriptor, signature, thrown);
            if (next == null || name.startsWith(JACOCO)) {
                return next;
            }
            return name.equals("<clinit>") ? new Initialiser(next, type) : new Code(next, type + "." + name);
        }
    }

    private static final class Initialiser extends MethodVisitor {
        private final String type;

        Initialiser(MethodVisitor next, String type) {
            super(API, next);
            this.type = type;
        }

        @Override
        public void visitCode() {
            super.visitCode();
            super.visitLdcInsn(type);
            super.visitMethodInsn(Opcodes.INVOKESTATIC, INJECTOR, "initialised", "(Ljava/lang/String;)V", false);
        }
    }

    private static final class Code extends MethodVisitor {
        private final String method;
        private int line;

        Code(MethodVisitor next, String method) {
            super(API, next);
            this.method = method;
        }

        private void point(String what) {
            super.visitLdcInsn(Injector.site(method + ":" + line + " " + what));
            super.visitMethodInsn(Opcodes.INVOKESTATIC, INJECTOR, "point", "(I)V", false);
        }

        @Override
        public void visitCode() {
            super.visitCode();
            point("start");
        }

        @Override
        public void visitLineNumber(int number, Label start) {
            line = number;
            super.visitLineNumber(number, start);
        }

        @Override
        public void visitTypeInsn(int opcode, String type) {
            if (opcode == Opcodes.ANEWARRAY) {
                point("new " + type);
            }
            super.visitTypeInsn(opcode, type);
            if (opcode == Opcodes.NEW) {
                // Behind it: stack maps name an object that is not initialised by the place of this instruction.
                point("new " + type);
            }
        }

        @Override
        public void visitIntInsn(int opcode, int operand) {
            if (opcode == Opcodes.NEWARRAY) {
                point("new array");
            }
            super.visitIntInsn(opcode, operand);
        }

        @Override
        public void visitMultiANewArrayInsn(String descriptor, int dimensions) {
            point("new " + descriptor);
            super.visitMultiANewArrayInsn(descriptor, dimensions);
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
            if (!name.startsWith(JACOCO)) {
                point(owner.substring(owner.lastIndexOf('/') + 1) + "." + name);
            }
            super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
        }

        @Override
        public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
            point("dynamic " + name);
            super.visitInvokeDynamicInsn(name, descriptor, bootstrap, arguments);
        }
    }
}
