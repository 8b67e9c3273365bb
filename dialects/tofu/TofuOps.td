// The tofu dialect: the mesh of ranks, and what ranks send one another.
#ifndef TOFU_OPS_TD
#define TOFU_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/kinu/KinuReduction.td"
include "dialects/kinu/KinuTypes.td"

def Tofu_Dialect : Dialect {
  let name = "tofu";
  let cppNamespace = "::kinu::tofu";
  let summary = "The mesh of ranks and its collectives.";
  let description = [{
    Ranks stand on a mesh of named axes. A collective works among the ranks that differ in the mesh axes it names only,
    its group. What a rank holds for, or has from, each of its group lies under an axis of the tensor called
    `rank.` and the mesh axis's name: a gather is a collective that adds that axis and a `kinu.join` that makes it part of
    another one, so that moving data about is left to kernels and a collective sends contiguous memory.

    A collective blocks, unless it is `async`: then the op only begins, and its result is there after the `tofu.wait` that
    takes it. `kinu-overlap` makes such pairs and moves them apart.
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
}

class Tofu_Op<string mnemonic, list<Trait> traits = []> : Op<Tofu_Dialect, mnemonic, traits>;

def MeshOp : Tofu_Op<"mesh"> {
  let summary = "the axes of the mesh and their degrees";
  let description = [{
    At most one for a module; none means one rank. A rank's number is the linear index over the axes, the last fastest.
    Lifespan: from `shard` to `emit`.

    ```mlir
    tofu.mesh ["data", "tensor"] [2, 4]
    ```
  }];
  let arguments = (ins StrArrayAttr:$axes, DenseI64ArrayAttr:$degrees);
  let assemblyFormat = "$axes $degrees attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The ranks along one axis; 1 if the mesh has no such axis.
    int64_t degree(::llvm::StringRef axis);
    /// The ranks in a group over these axes.
    int64_t degree(::mlir::ArrayAttr axes);
    /// All ranks.
    int64_t ranks();
  }];
}

def PlacementOp : Tofu_Op<"placement"> {
  let summary = "where on the machine's torus each rank stands";
  let description = [{
    `lengths`: ranks of a node, then nodes along the job's axes x, y, z. `digits` has four numbers for each digit in which
    a rank's place along a mesh axis is written, the fastest of each mesh axis first: the number of the mesh axis; 0 for
    the ranks of a node, 1, 2, 3 for x, y, z; how many values the digit has; how far apart they are. Without digits ranks
    fill one node after another. At most one for a module. Lifespan: from `allocate` to `emit`.

    ```mlir
    // a mesh of data 4 x tensor 6 on 2 x 6 x 2 nodes, tensor along y
    tofu.placement [1, 2, 6, 2] digits [0, 1, 2, 1, 0, 3, 2, 1, 1, 2, 6, 1]
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$lengths, DenseI64ArrayAttr:$digits);
  let assemblyFormat = "$lengths `digits` $digits attr-dict";
  let hasVerifier = 1;
}

class Tofu_Collective<string mnemonic, list<Trait> traits = []> : Tofu_Op<mnemonic, !listconcat([Pure], traits)>;

def AllReduceOp : Tofu_Collective<"all_reduce", [AllTypesMatch<["operand", "result"]>]> {
  let summary = "the sum, maximum or minimum of the group's tensors, on every rank of it";
  let description = [{
    Sums of 16-bit floats are not made: `shard` reduces in fp32. The order of a sum is MPI's for the size of the group, the
    same in every run. `among`: only these places along the one mesh axis take
    part, as where the first and last stage of a pipeline share a weight. Lifespan: from `shard` to `emit`.
  }];
  let arguments = (ins ReductionKind:$kind, Kinu_Any:$operand, StrArrayAttr:$on,
                       OptionalAttr<DenseI64ArrayAttr>:$among, UnitAttr:$async);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "(`async` $async^)? $kind $operand `on` $on (`among` $among^)? attr-dict `:` type($operand)";
  let hasVerifier = 1;
}

def ReduceScatterOp : Tofu_Collective<"reduce_scatter"> {
  let summary = "the sum of the group's tensors, each rank keeping its part along the mesh axis";
  let description = [{ Lifespan: from `shard` to `emit`.

    ```mlir
    %1 = tofu.reduce_scatter %0 on "tensor" : (!kinu.tensor<rank.tensor=4, seq=16, embed=64 : f32>) -> !kinu.tensor<seq=16, embed=64 : f32>
    ```
  }];
  let arguments = (ins Kinu_Any:$operand, StrAttr:$on, UnitAttr:$async);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "(`async` $async^)? $operand `on` $on attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def AllGatherOp : Tofu_Collective<"all_gather"> {
  let summary = "the group's tensors side by side along the mesh axis, on every rank of it";
  let description = [{ Lifespan: from `shard` to `emit`.

    ```mlir
    %1 = tofu.all_gather %0 on "tensor" : (!kinu.tensor<seq=16, embed=64 : f32>) -> !kinu.tensor<rank.tensor=4, seq=16, embed=64 : f32>
    ```
  }];
  let arguments = (ins Kinu_Any:$operand, StrAttr:$on, UnitAttr:$async);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "(`async` $async^)? $operand `on` $on attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def AllToAllOp : Tofu_Collective<"all_to_all", [AllTypesMatch<["operand", "result"]>]> {
  let summary = "each rank's slice along the mesh axis goes to the rank that the slice's index names";
  let description = [{
    Before, the mesh axis numbers receivers; afterwards, senders. Lifespan: from `shard` to `emit`.
  }];
  let arguments = (ins Kinu_Any:$operand, StrAttr:$on, UnitAttr:$async);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "(`async` $async^)? $operand `on` $on attr-dict `:` type($operand)";
  let hasVerifier = 1;
}

def ShiftOp : Tofu_Collective<"shift", [AllTypesMatch<["operand", "result"]>]> {
  let summary = "each rank's tensor goes to the next rank along the mesh axis, and the last one's to the first";
  let description = [{
    A step around a ring: after as many as there are ranks, each has its own again. Lifespan: from `shard` to `emit`.

    ```mlir
    %1 = tofu.shift %0 on "context" : !kinu.tensor<batch=4, key=16, dim=64 : f32>
    ```
  }];
  let arguments = (ins Kinu_Any:$operand, StrAttr:$on, UnitAttr:$async);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "(`async` $async^)? $operand `on` $on attr-dict `:` type($operand)";
}

def SendOp : Tofu_Op<"send", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "begins to send a tensor to the rank at another place along a mesh axis";
  let description = [{
    Does not wait: the operand must be in memory that nobody writes before the same program runs again, which
    `kinu-cut-stage` sees to by sending what it reads from a variable of role `message`. Messages of one tag between
    two ranks arrive in the order in which they are sent. Lifespan: from `shard` to `emit`.

    ```mlir
    tofu.send %h to 1 on "pipe" tag 0 : !kinu.tensor<batch=4, embed=64 : f32>
    ```
  }];
  let arguments = (ins Kinu_Any:$operand, I64Attr:$peer, StrAttr:$on, I64Attr:$tag);
  let assemblyFormat = "$operand `to` $peer `on` $on `tag` $tag attr-dict `:` type($operand)";
}

def ReceiveOp : Tofu_Op<"receive", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits for what the rank at another place along a mesh axis sends";
  let description = [{
    The next message of its tag, of the same type in the same order of axes. With `into` the result lies in the memory
    of a variable that nobody else writes, so that it may come before the program runs. Lifespan: from `shard` to `emit`.

    ```mlir
    %h = tofu.receive from 0 on "pipe" tag 0 into @forward.received.0 : !kinu.tensor<batch=4, embed=64 : f32>
    ```
  }];
  let arguments = (ins I64Attr:$peer, StrAttr:$on, I64Attr:$tag, OptionalAttr<FlatSymbolRefAttr>:$into);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "`from` $peer `on` $on `tag` $tag (`into` $into^)? attr-dict `:` type($result)";
}

def WaitOp : Tofu_Op<"wait", [MemoryEffects<[MemRead, MemWrite]>, AllTypesMatch<["started", "result"]>]> {
  let summary = "the result of a collective that was begun before, when it is there";
  let description = [{
    `started` is what an `async` op gives, which nobody else may use, `sent` that op's operand, if it has one. So both
    are in use until here: `allocate` keeps their memory by the rules of any operand. The result lies where `started`
    does. Lifespan: from `schedule` to `emit`.

    ```mlir
    %1 = tofu.all_reduce async sum %0 on ["data"] : <embed=64 : f32>
    // what is launched here runs meanwhile
    %2 = tofu.wait %1 with %0 : <embed=64 : f32>, !kinu.tensor<embed=64 : f32>
    ```
  }];
  let arguments = (ins Kinu_Any:$started, Variadic<Kinu_Any>:$sent);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$started (`with` $sent^)? attr-dict `:` type($started) (`,` type($sent)^)?";
  let hasVerifier = 1;
}

#endif
