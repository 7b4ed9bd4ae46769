// SPDX-License-Identifier: BSD-2-Clause
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.security.ProtectionDomain;

/**
 * An agent that shows Fray the words of native memory. Fray looks at fields and locks; it does not see the accesses to a buffer by a
 * VarHandle. So each such access of the library is preceded by one to a field, which Fray sees.
 */
public final class NativeWords implements ClassFileTransformer {
    private static final ClassDesc TOUCHED = ClassDesc.of("Touched");
    private static final MethodTypeDesc NOTHING = MethodTypeDesc.ofDescriptor("()V");

    private NativeWords() {}

    public static void premain(String argument, Instrumentation instrumentation) {
        instrumentation.addTransformer(new NativeWords());
    }

    @Override
    public byte[] transform(ClassLoader loader, String name, Class<?> redefined, ProtectionDomain domain, byte[] bytes) {
        // The memory of the simulated machine must stay unseen: see its WordLock.
        if (name == null || !name.startsWith("org/percpu/") || name.matches("org/percpu/bindings/sim/(Memory|WordLock).*")) {
            return null;
        }
        try {
            CodeTransform touching = (code, element) -> {
                if (element instanceof InvokeInstruction call && call.owner().asInternalName().equals("java/lang/invoke/VarHandle")
                        && call.type().stringValue().startsWith("(Ljava/nio/ByteBuffer;")) {
                    code.invokestatic(TOUCHED, "touch", NOTHING);
                }
                code.with(element);
            };
            ClassFile file = ClassFile.of();
            return file.transformClass(file.parse(bytes), ClassTransform.transformingMethodBodies(touching));
        } catch (RuntimeException | Error e) {
            e.printStackTrace();
            System.exit(1);
            return null;
        }
    }
}
