// The state of an elaboration and its steps. Each group of members has a file of its own, named at the group; all
// members report what is wrong and then return a null Operand, none or false, at which callers stay silent.
#pragma once

#include "compiler/check/Check.h"
#include "compiler/check/Scope.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <deque>
#include <set>

namespace kinu::check {

/// Axes that a let, return or assignment declares: joins inside it may produce them freely.
using AxisSet = std::set<std::string>;

/// The expansion of one function, or of the model itself.
struct Frame {
  Function *function = nullptr; ///< null for the model
  Instance *instance = nullptr; ///< owner of weights; null in a def and in the model
  SourceRange call;
  std::string path; ///< of weights made here, with a dot at the end unless empty
  std::string site; ///< of random numbers made here, likewise
  std::map<std::string, unsigned> siteUses;
  std::map<std::string, SourceRange> paths;                   ///< instances made here, and where
  std::vector<RepeatContext> repeats;                         ///< around weights made here
  std::map<std::string, std::vector<const AxisInfo *>> rests; ///< what `...` and `...q` stand for
  std::set<std::string> axisNames;                            ///< of axes declared here
  std::optional<AxisSet> result;
  Operand returned;
  bool hasReturned = false;
};

/// What a repeat (or the model) adds up over its rounds.
struct Sums {
  std::vector<typed::Aux> auxes;
  std::vector<typed::Metric> metrics;
};

class Elaborator {
public:
  Elaborator(const syntax::File &file, const CheckOptions &options, Diagnostics &diagnostics);
  std::optional<TypedModel> run();

private:
  // Check.cpp: the file and its parts.
  void declareItems(const syntax::File &source, Scope &into);
  void importFile(const syntax::ImportDecl &import, Scope &into);
  const syntax::ModelDecl *findModel();
  void findTrain();
  void checkRuns();
  void checkDefines();
  void warnOfUncalled();
  std::string defineHint(const std::string &name);

  // Reporting.cpp
  /// Reports at `range`; when that lies in an imported file, at the call that led there, with a note.
  Diagnostic &error(llvm::StringRef id, SourceRange range, std::string message);
  /// Reports a limit and ends the elaboration.
  void giveUp(llvm::StringRef id, SourceRange range, std::string message);
  void unknownName(const syntax::Name &name, llvm::StringRef what, std::optional<Entity::Kind> kind = std::nullopt);
  /// Enters a name, unless it is taken: no shadowing, one namespace.
  Entity *declare(const syntax::Name &name, Entity entity);

  // Sizes.cpp: exact integers.
  std::optional<int64_t> size(const syntax::Expr &expr);
  /// A size of at least `least`, where the spec needs one.
  std::optional<int64_t> sizeFrom(const syntax::Expr &expr, int64_t least, llvm::StringRef what);
  std::optional<int64_t> sizeBinary(const syntax::BinaryExpr &expr);
  std::optional<int64_t> sizeCall(const syntax::CallExpr &expr);
  std::optional<int64_t> exactQuotient(const syntax::BinaryExpr &expr, int64_t left, int64_t right);

  // Axes.cpp
  void axisStatement(const syntax::AxisStatement &statement);
  AxisInfo *declareAxis(const syntax::AxisStatement::Item &item);
  std::optional<int64_t> givenLength(const syntax::Name &name, SourceRange &place);
  bool lengthFits(const AxisInfo &axis, const syntax::AxisStatement::Item &item, SourceRange place);
  bool boundLength(AxisInfo &axis, const syntax::AxisStatement::Item &item);
  bool productLength(AxisInfo &axis, const syntax::AxisStatement::Item &item);
  std::string uniqueAxisName(llvm::StringRef name) const;
  const AxisInfo *axis(const syntax::Name &name);
  /// The axes of a list, rest-axes expanded. None after an error.
  std::optional<std::vector<const AxisInfo *>> axes(const syntax::AxisList &list);
  /// The axis or axes of a labelled argument: `over: a`, `over: {a, b}`.
  std::optional<std::vector<const AxisInfo *>> axesOf(const syntax::Expr &expr);
  const AxisInfo *axisOf(const syntax::Expr &expr);
  const AxisInfo *info(const typed::Axis &axis) const;
  /// False (and an error) when the axes multiply to too much or hold a product axis with its factor.
  bool soundType(const typed::Type &type, SourceRange range);
  /// False (and an error) for what would mix sequences of a batch.
  bool notBatch(const AxisInfo &axis, SourceRange range, llvm::StringRef doing);

  // Elementwise.cpp
  Operand constant(typed::Element element, double number, int64_t integer, SourceRange range);
  Operand constantInt(int64_t value, SourceRange range);
  Operand constantFloat(double value, SourceRange range);
  Operand constantBool(bool value, SourceRange range);
  /// Says that what follows is done `count` times as often. False (and an error) if that is too often.
  bool enterRounds(int64_t count, SourceRange range);
  typed::Value *emit(typed::Kind kind, typed::Type type, llvm::ArrayRef<typed::Value *> operands, SourceRange range);
  /// An elementwise node over operands of the right elements: joins their axes, folds constants.
  Operand elementwise(typed::Kind kind, typed::Element result, llvm::ArrayRef<Operand> operands, SourceRange range);
  bool joins(llvm::ArrayRef<Operand> operands, const typed::Type &joined, SourceRange range);
  Operand arithmetic(typed::Kind kind, Operand left, Operand right, SourceRange range);
  Operand compare(typed::Kind kind, Operand left, Operand right, SourceRange range);
  Operand select(Operand condition, Operand yes, Operand no, SourceRange range);
  Operand toFloat(Operand x, SourceRange range);
  Operand toInt(Operand x, SourceRange range);
  Operand negate(Operand x, SourceRange range);
  bool numeric(const Operand &x, SourceRange range, llvm::StringRef what);
  bool boolean(const Operand &x, SourceRange range, llvm::StringRef what);
  bool isInt(const Operand &x, SourceRange range, llvm::StringRef what);

  // Folding.cpp
  std::optional<Operand> fold(typed::Kind kind, llvm::ArrayRef<Operand> operands, SourceRange range);
  std::optional<Operand> foldFloat(typed::Kind kind, llvm::ArrayRef<Operand> operands, SourceRange range);
  std::optional<Operand> foldInt(typed::Kind kind, llvm::ArrayRef<Operand> operands, SourceRange range);

  // Expressions.cpp
  Operand expression(const syntax::Expr &expr);
  Operand nameExpression(const syntax::NameExpr &expr);
  Operand axisIndex(const AxisInfo &axis, SourceRange range);
  Operand unary(const syntax::UnaryExpr &expr);
  Operand binary(const syntax::BinaryExpr &expr);
  Operand contract(const syntax::ContractExpr &expr);
  /// Removes `over` by a reduction node; axes must be present.
  Operand reduce(typed::Kind kind, Operand x, llvm::ArrayRef<const AxisInfo *> over, SourceRange range);
  bool present(const Operand &x, const AxisInfo &axis, SourceRange range, llvm::StringRef doing);
  /// "rename it first" when the value has an axis of the same kin.
  std::string renameHint(const typed::Type &type, const AxisInfo &missing) const;

  // Select.cpp: lookup, slice, rename, split, join.
  Operand selectExpression(const syntax::SelectExpr &expr);
  Operand lookup(Operand base, const syntax::SelectExpr &expr, llvm::ArrayRef<const syntax::SelectItem *> items);
  Operand slice(Operand base, const syntax::SelectItem &item);
  Operand rename(Operand base, const syntax::SelectItem &item);
  Operand split(Operand base, const syntax::SelectItem &item);
  Operand join(Operand base, const syntax::SelectItem &item);
  /// The result of replacing axes of a value: emitted, or null when the new axes are there already.
  Operand replaceAxes(typed::Kind kind, Operand base, llvm::ArrayRef<const AxisInfo *> from,
                      llvm::ArrayRef<const AxisInfo *> to, SourceRange range);
  bool inRange(const Operand &index, const AxisInfo &axis, SourceRange range, llvm::StringRef fix);

  // Builtins.cpp
  Operand builtin(const syntax::CallExpr &call);
  Operand elementwiseCall(const syntax::CallExpr &call, typed::Kind kind);
  Operand reductionCall(const syntax::CallExpr &call);
  Operand meanCall(const syntax::CallExpr &call);
  Operand extremumCall(const syntax::CallExpr &call, typed::Kind over, typed::Kind pairwise);
  Operand cumsumCall(const syntax::CallExpr &call);
  Operand whereCall(const syntax::CallExpr &call);
  Operand clampCall(const syntax::CallExpr &call);
  Operand sizeCallValue(const syntax::CallExpr &call);
  Operand randomCall(const syntax::CallExpr &call);
  /// Checks the shape of a call: that many positional arguments, no label but these.
  bool shape(const syntax::CallExpr &call, size_t least, size_t most, llvm::ArrayRef<llvm::StringRef> labels);
  const syntax::Argument *labelled(const syntax::CallExpr &call, llvm::StringRef label, bool needed = true);
  std::optional<std::vector<const AxisInfo *>> over(const syntax::CallExpr &call);

  // Routing.cpp: calls that move data along axes.
  struct Destination;
  Operand topCall(const syntax::CallExpr &call);
  Operand scatterCall(const syntax::CallExpr &call);
  bool destination(const syntax::CallExpr &call, bool drop, Destination &to);
  std::optional<typed::Type> scatteredType(const syntax::CallExpr &call, const Destination &to,
                                           llvm::ArrayRef<const AxisInfo *> summed);
  Operand concatCall(const syntax::CallExpr &call);
  std::optional<std::vector<const AxisInfo *>> concatAxes(const syntax::CallExpr &call, size_t count);
  std::optional<typed::Type> concatType(const syntax::CallExpr &call, llvm::ArrayRef<Operand> parts,
                                        llvm::ArrayRef<const AxisInfo *> axes, const AxisInfo &whole);

  // Calls.cpp: defs, blocks and instances applied to tensors.
  Operand callExpression(const syntax::CallExpr &call);
  Operand callFunction(Function &function, Instance *instance, const syntax::CallExpr &call);
  bool bindAxesAndNumbers(Function &function, const syntax::CallExpr &call, Instance &into);
  bool bindNumber(Function &function, const syntax::Parameter &parameter, const syntax::CallExpr &call, Instance &into);
  bool bindTensors(Function &function, const syntax::CallExpr &call, std::vector<Operand> &tensors);
  bool enterTensors(Function &function, const syntax::CallExpr &call, llvm::ArrayRef<Operand> tensors);
  bool matchAxes(const syntax::Parameter &parameter, const Operand &argument, SourceRange range,
                 llvm::StringRef callee);
  bool matchElement(const syntax::Parameter &parameter, Operand &argument, SourceRange range);
  bool checkLabels(Function &function, const syntax::CallExpr &call, bool atUse);
  bool mayExpand(Function &function, const syntax::CallExpr &call);
  Frame calleeFrame(Function &function, Instance &fixed, const syntax::CallExpr &call);
  void enterAxesAndNumbers(Function &function, Instance &fixed);
  void expandBody(const syntax::FunctionStatement &syntax);
  Operand expand(Function &function, Instance &fixed, const syntax::CallExpr &call, llvm::ArrayRef<Operand> tensors);

  // Instances.cpp: blocks and their weights.
  Instance *instantiate(Function &function, const syntax::Name &name, const syntax::CallExpr &call);
  void useStatement(const syntax::UseStatement &statement);
  void weightStatement(const syntax::WeightStatement &statement);
  /// The repeat axes, then the axes of the list. False after an error.
  bool weightAxes(const syntax::AxisList *list, typed::Variable &variable);
  void declareWeight(const syntax::WeightStatement &statement, size_t index);
  std::optional<typed::Initialiser> initialiser(const syntax::Expr &expr);
  std::optional<double> number(const syntax::Expr &expr, llvm::StringRef what);
  typed::Value *readVariable(const typed::Variable &variable, llvm::ArrayRef<RepeatContext> repeats, SourceRange range);

  // Statements.cpp
  void body(const syntax::Body &body);
  void statement(const syntax::Statement &statement);
  void sizeStatement(const syntax::SizeStatement &statement);
  void letStatement(const syntax::LetStatement &statement);
  void inputStatement(const syntax::InputStatement &statement);
  void functionStatement(const syntax::FunctionStatement &statement, Scope &into);
  void assignStatement(const syntax::AssignStatement &statement);
  void returnStatement(const syntax::ReturnStatement &statement);
  void outputStatement(const syntax::OutputStatement &statement);
  void lossStatement(const syntax::LossStatement &statement);
  /// Evaluates with joins allowed up to `declared`; reports a value that has other axes.
  Operand declaredValue(const syntax::Expr &expr, const AxisSet &declared, llvm::StringRef what, SourceRange where);
  Operand undeclaredValue(const syntax::Expr &expr);

  // Repeats.cpp: repeat, and the sums over its rounds.
  void repeatStatement(const syntax::RepeatStatement &statement);
  std::vector<Entity *> carriedBy(const syntax::Body &body);
  void auxStatement(const syntax::AuxStatement &statement);
  void metricStatement(const syntax::MetricStatement &statement);
  Operand sumOverSequence(Operand x, SourceRange range);
  void addAux(Sums &sums, const std::string &name, Operand value, SourceRange range);
  void addMetric(Sums &sums, const std::string &name, Operand sum, Operand count, SourceRange range);
  Operand zerosLike(const typed::Type &type, SourceRange range);
  Operand plain(typed::Value *value) { return Operand{value, false, std::nullopt, nullptr}; }
  /// Adds up `value`, made inside the loop, over its rounds; the total stands behind the loop.
  Operand total(typed::Value &loop, Operand value, SourceRange range);
  Operand withBatchOf(Operand x, const Operand &like, SourceRange range);

  const syntax::File &file;
  const CheckOptions &options;
  Diagnostics &diagnostics;
  TypedModel model;

  std::deque<Scope> scopes;
  std::deque<AxisInfo> axisInfos;
  std::deque<Function> functions;
  std::deque<Instance> instances;
  std::map<std::string, Instance *> instancesByPath;
  std::map<const syntax::File *, Scope *> imported;
  std::map<std::string, const AxisInfo *> axesByName;
  std::map<std::string, const void *> variableOwners; ///< path of a variable to the statement item that made it
  std::deque<Frame> frames;
  std::vector<RepeatContext> openRepeats; ///< around the place being elaborated, through all frames
  std::vector<Sums *> sums;               ///< of the model, then of the repeats around
  Scope *scope = nullptr;
  typed::Region *region = nullptr;
  const syntax::TrainDecl *train = nullptr;
  const AxisSet *declaredAxes = nullptr;
  unsigned order = 0;
  unsigned nodes = 0, calls = 0, importDepth = 0;
  int64_t rounds = 1;        ///< of all repeats around the place being elaborated, multiplied
  int64_t unrolledNodes = 0; ///< nodes, each as often as it is done
  size_t repeatsAtEntry = 0; ///< of the function being expanded
  bool gaveUp = false, lossSeen = false;
  std::set<std::string> usedDefines;
  std::map<std::string, int64_t> repeatCounts; ///< by path, for layouts
};

/// `[batch, seq]`, for messages.
std::string show(llvm::ArrayRef<typed::Axis> axes);
std::string show(const AxisSet &axes);
std::string show(typed::Element element);
/// Whether the language defines the name itself.
bool isBuiltin(llvm::StringRef name);
/// Axes of the model's values as typed axes.
typed::Axis typedAxis(const AxisInfo &axis);

/// Prune.cpp: removes what no output, loss, aux or metric needs.
void prune(TypedModel &model);

} // namespace kinu::check
