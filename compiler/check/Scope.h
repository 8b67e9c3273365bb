// What a name can mean while a model is elaborated, and where it is visible.
#pragma once

#include "compiler/syntax/Tree.h"
#include "compiler/syntax/TypedModel.h"

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kinu::check {

/// An axis of the spec with its length. A parameter `over a` is another name for the axis it is given.
struct AxisInfo {
  std::string name; ///< in the typed model: unique among the axes alive at one place
  int64_t length = 1;
  const AxisInfo *root = nullptr;        ///< the end of its chain of `like`; itself otherwise
  std::optional<int64_t> most;           ///< `up to`
  bool bound = false;                    ///< by the run
  std::vector<const AxisInfo *> factors; ///< of a product axis
  SourceRange range;

  bool isBatch() const { return root->name == "batch"; }
};

/// The whole numbers low, ..., high.
struct Interval {
  int64_t low = 0, high = 0;
};

/// The value of an expression. Null after an error that was reported: whatever uses it stays silent.
struct Operand {
  typed::Value *value = nullptr;
  bool isIndex = false;              ///< made of axis indices, sizes and numbers only
  std::optional<Interval> interval;  ///< of an Int, where it is known
  const AxisInfo *indexOf = nullptr; ///< the axis whose index this is, unchanged

  explicit operator bool() const { return value != nullptr; }
  const typed::Type &type() const { return value->type; }
  typed::Element element() const { return value->type.element; }
  bool isConstant() const { return value->kind == typed::Kind::Constant; }
};

struct Scope;

/// A def or block with the scope it was written in: it sees what stood above it there.
struct Function {
  const syntax::FunctionStatement *syntax = nullptr;
  Scope *scope = nullptr;
  unsigned order = 0;
  bool active = false; ///< being expanded: a call of it would never end
  bool broken = false; ///< an error was found in its body: further calls stay silent
  bool called = false; ///< its body was elaborated
};

/// A repeat around the place that is being elaborated.
struct RepeatContext {
  std::string axis;
  int64_t count = 0;
  typed::Value *round = nullptr;
};

/// A block with its axes and numbers fixed: the owner of weights.
struct Instance {
  Function *function = nullptr;
  std::string path;
  std::map<std::string, const AxisInfo *> axes; ///< by parameter name
  std::map<std::string, Operand> numbers;       ///< by parameter name
  std::vector<RepeatContext> repeats; ///< around the place where it was made: its weights are stacked over them
  unsigned calls = 0;
  SourceRange range;
};

/// What a name means.
struct Entity {
  enum class Kind { Size, Axis, Value, Function, Instance };
  Kind kind = Kind::Value;
  SourceRange range;
  unsigned order = 0;          ///< position among all declarations
  std::optional<int64_t> size; ///< Size; none after an error
  const AxisInfo *axis = nullptr;
  Operand operand;                        ///< Value
  bool isLet = false;                     ///< Value: can be assigned in a repeat
  size_t frameDepth = 0, repeatDepth = 0; ///< Value: the frames and repeats around its let
  Function *function = nullptr;
  Instance *instance = nullptr;
};

struct Scope {
  Scope *parent = nullptr;
  /// Declarations of the parents from here on are below the function this scope belongs to: it does not see them.
  unsigned parentLimit = std::numeric_limits<unsigned>::max();
  std::map<std::string, Entity, std::less<>> entities;

  /// Null when the name means nothing here.
  Entity *find(llvm::StringRef name);
  /// All names visible here, for suggestions; of one kind, or of all.
  std::vector<std::string> names(std::optional<Entity::Kind> kind = std::nullopt) const;
};

} // namespace kinu::check
