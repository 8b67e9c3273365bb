// The dialect and its one type: a tensor whose axes have names.
#ifndef KINU_TYPES_TD
#define KINU_TYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Kinu_Dialect : Dialect {
  let name = "kinu";
  let cppNamespace = "::kinu";
  let summary = "The graph of a model: whole tensors on named axes.";
  let description = [{
    A value is a tensor with named axes of known length. Axes join by name: there are no positions, transposes or
    reshapes. Until `fuse` the order in which a type lists its axes means nothing; from then on it is the order in
    memory, the last axis contiguous.
  }];
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = "void registerTypes();";
}

def Kinu_TensorType : TypeDef<Kinu_Dialect, "NamedTensor"> {
  let mnemonic = "tensor";
  let summary = "a tensor on named axes";
  let description = [{
    `!kinu.tensor<batch=4, seq=64 : f32>`; a scalar is `!kinu.tensor<f32>`. Elements are `f32` (a float of the
    language), `i64` (an int) or `i1` (a bool); from `precision` on also `bf16` and `f16`, in which values are stored and
    multiplied, but never added up.
  }];
  let parameters = (ins ArrayRefParameter<"::kinu::Axis">:$axes, "::mlir::Type":$element);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The number of elements: the product of the lengths.
    int64_t getNumElements() const;
    /// The position of the axis of this name, or -1.
    int64_t find(::llvm::StringRef name) const;
    bool has(::llvm::StringRef name) const { return find(name) >= 0; }
    /// The length of the axis of this name; it must be there.
    int64_t length(::llvm::StringRef name) const { return getAxes()[find(name)].length; }
    bool isFloat() const { return ::llvm::isa<::mlir::FloatType>(getElement()); }
    bool isBool() const { return getElement().isInteger(1); }
    bool isInt() const { return getElement().isInteger(64); }
    NamedTensorType withElement(::mlir::Type element) const { return get(getContext(), getAxes(), element); }
    NamedTensorType withAxes(::llvm::ArrayRef<Axis> axes) const { return get(getContext(), axes, getElement()); }
    /// This type without the axes of these names.
    NamedTensorType without(::mlir::ArrayAttr names) const;
  }];
}

def Kinu_Float : Type<And<[CPred<"::llvm::isa<::kinu::NamedTensorType>($_self)">,
                           CPred<"::llvm::cast<::kinu::NamedTensorType>($_self).isFloat()">]>,
                      "tensor of floats", "::kinu::NamedTensorType">;
def Kinu_Bool : Type<And<[CPred<"::llvm::isa<::kinu::NamedTensorType>($_self)">,
                          CPred<"::llvm::cast<::kinu::NamedTensorType>($_self).isBool()">]>,
                     "tensor of bools", "::kinu::NamedTensorType">;
def Kinu_Int : Type<And<[CPred<"::llvm::isa<::kinu::NamedTensorType>($_self)">,
                         CPred<"::llvm::cast<::kinu::NamedTensorType>($_self).isInt()">]>,
                    "tensor of ints", "::kinu::NamedTensorType">;
def Kinu_Any : Type<CPred<"::llvm::isa<::kinu::NamedTensorType>($_self)">, "tensor on named axes", "::kinu::NamedTensorType">;

#endif
