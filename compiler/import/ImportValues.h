// The values of one model as ops: one op per node of the typed model.
#pragma once

#include "compiler/import/Import.h"

#include "llvm/ADT/DenseMap.h"

namespace kinu::import {

/// Emits the nodes of a region at the builder's place and remembers which op stands for which node.
class ValueImporter {
public:
  ValueImporter(mlir::OpBuilder &builder, const SourceMap &sources, const TypedModel &model, int64_t globalBatch)
      : builder(builder), sources(sources), model(model), globalBatch(globalBatch) {}

  void importRegion(const typed::Region &region);
  mlir::Value operator[](const typed::Value *value) const { return values.lookup(value); }
  NamedTensorType type(const typed::Type &type) const;
  mlir::Location location(SourceRange range) const;

private:
  mlir::Value importValue(const typed::Value &value);
  mlir::Value importLeaf(const typed::Value &value, mlir::Location loc, NamedTensorType type);
  mlir::Value importElementwise(const typed::Value &value, mlir::Location loc, NamedTensorType type);
  mlir::Value importAxes(const typed::Value &value, mlir::Location loc, NamedTensorType type);
  void importRepeat(const typed::Value &value);
  mlir::Value runScalar(mlir::Location loc, llvm::StringRef name);
  mlir::Value operand(const typed::Value &value, unsigned i) const { return values.lookup(value.operands[i]); }
  llvm::SmallVector<mlir::Value> operands(const typed::Value &value, unsigned first = 0) const;
  mlir::ArrayAttr names(llvm::ArrayRef<std::string> list) const;
  mlir::ArrayAttr names(llvm::ArrayRef<typed::Axis> list) const;

  mlir::OpBuilder &builder;
  const SourceMap &sources;
  const TypedModel &model;
  int64_t globalBatch;
  llvm::DenseMap<const typed::Value *, mlir::Value> values;
  llvm::DenseMap<const typed::Value *, RepeatOp> repeats;
};

} // namespace kinu::import
