/// Words that say how a question is put and not what it is about, in English, German, French and Spanish.
enum QuestionWords {
  /// In lower case.
  static let all = Set((english + german + french + spanish).split(separator: " ").map(String.init))

  private static let english = """
    a about above after again all also am an and any are as at be because been before being below between both but by \
    can could did do does doing don during each ever few for from further get give had has have having he her here \
    hers him his how i if in into is it its just let ll many may me might more most much must my no nor not now of \
    off on once one only or other our out over own please re s same say says shall she should show so some such t \
    tell than that the their them then there these they this those through to too under until up us ve very was we \
    were what when where which while who whom whose why will with would you your yours explain describe know find \
    mean means
    """
  private static let german = """
    aber als am an auch auf aus bei bin bis das dass dem den der des die doch du durch ein eine einem einen einer \
    eines er es für haben hat hatte ich ihr im in ist ja kann können man mein mich mit muss nach nicht noch nur ob \
    oder ohne sein sich sie sind so über um und uns unser unter viel viele vom von vor war waren warum was welche \
    welcher welches wenn wer werden wie wieviel wir wird wo zu zum zur
    """
  private static let french = """
    à au aux avec ce ces cet cette comment dans de des du elle elles en est et être eux il ils je la le les leur \
    lui mais me mes moi mon ne nos notre nous ou où par pas pour pourquoi quand que quel quelle quelles quels qui \
    sa se ses son sont sur ta te tes tu un une vos votre vous
    """
  private static let spanish = """
    al como cómo con cuál cuáles cuándo cuánto del donde dónde el ella ellos en entre es esta este esto ha hay la \
    las lo los más mi muy no nos o para pero por qué que quién se ser si sin sobre son su sus también tu un una y yo
    """
}
